import {
  askedAbout,
  campaignArg,
  RequestCommand,
  requestFlags,
  yesFlag,
} from '../../../cli/rollout/request-command.js';
import { withWait } from '../../../cli/rollout/wait.js';

export default class RolloutRollback extends RequestCommand {
  static override summary = 'End a campaign, and ask every device that has the update to go back.';

  static override description =
    'Each device is asked to go back to what it had when the plan was made. It decides itself, by its policy: what its ' +
    'running package allows, and what it has run before. Also of a campaign that has ended. Devices that cannot go back are ' +
    'listed in the report. Asks first; where nobody can answer it needs --yes.\n\n' +
    'Exits 0 when it is asked to, or with --wait when all that can are back, 2 for wrong usage, 7 when the server does not ' +
    'answer, 8 when it is in no phase for that, 13 when devices did not go back, 14 when --wait ended first, 15 when you are ' +
    'not logged in or may not, 16 when there is no such campaign, 130 when interrupted or when the answer was no.';

  static override examples = [
    { description: 'What would happen?', command: '<%= config.bin %> <%= command.id %> meter-2.1.0 --dry-run' },
    {
      description: 'From a pipeline, until all are back:',
      command: '<%= config.bin %> <%= command.id %> meter-2.1.0 --yes --wait 2h --json',
    },
  ];

  static override args = campaignArg;
  static override flags = { ...requestFlags, yes: yesFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RolloutRollback, withWait(this.argv));
    return await this.ask({
      ...{ verb: 'rollback', name: args.name, flags },
      question: flags.yes ? undefined : (view) => `Roll ${askedAbout(view)} back?`,
      isWanted: ({ phase }) => phase === 'rolled-back',
      isGoingOn: ({ phase }) => phase === 'rolling-back',
    });
  }
}
