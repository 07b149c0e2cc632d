import { campaignArg, RequestCommand, requestFlags } from '../../../cli/rollout/request-command.js';
import { withWait } from '../../../cli/rollout/wait.js';

export default class RolloutPause extends RequestCommand {
  static override summary = 'Let a campaign give the update to no further device, until it is resumed.';

  static override description =
    'Devices that were given it finish; nothing advances. A campaign that is paused already stays so, with status 0.\n\n' +
    'Exits 2 for wrong usage, 7 when the server does not answer, 8 when the campaign has ended, 14 when --wait ended ' +
    'first, 15 when you are not logged in or may not, 16 when there is no such campaign, 130 when interrupted.';

  static override examples = [
    {
      description: 'The one that is under way:',
      command: '<%= config.bin %> <%= command.id %> --remark "storm in the north"',
    },
    {
      description: 'By name, from a pipeline:',
      command: '<%= config.bin %> <%= command.id %> meter-2.1.0 --wait 5m --json',
    },
  ];

  static override args = campaignArg;
  static override flags = requestFlags;

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RolloutPause, withWait(this.argv));
    return await this.ask({ verb: 'pause', name: args.name, flags, isWanted: ({ phase }) => phase === 'paused' });
  }
}
