import {
  askedAbout,
  campaignArg,
  RequestCommand,
  requestFlags,
  yesFlag,
} from '../../../cli/rollout/request-command.js';
import { withWait } from '../../../cli/rollout/wait.js';

export default class RolloutAbort extends RequestCommand {
  static override summary = 'End a campaign for good: no further device gets the update.';

  static override description =
    'Devices that have not finished are asked to let go of it; those that have it keep it, or go back where the plan says ' +
    'so (--on-abort rollback). Asks first; where nobody can answer it needs --yes.\n\n' +
    'Exits 0 when it is asked to, or with --wait when it is aborted (and rolled back, where the plan says so), 2 for wrong ' +
    'usage, 7 when the server does not answer, 8 when the campaign has ended, 13 when devices could not go back, 14 when ' +
    '--wait ended first, 15 when you are not logged in or may not, 16 when there is no such campaign, 130 when interrupted ' +
    'or when the answer was no.';

  static override examples = [
    { description: 'The one that is under way:', command: '<%= config.bin %> <%= command.id %>' },
    {
      description: 'From a pipeline, until it has happened:',
      command: '<%= config.bin %> <%= command.id %> meter-2.1.0 --yes --wait 30m --remark "crashes in the field"',
    },
  ];

  static override args = campaignArg;
  static override flags = { ...requestFlags, yes: yesFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RolloutAbort, withWait(this.argv));
    return await this.ask({
      ...{ verb: 'abort', name: args.name, flags },
      question: flags.yes ? undefined : (view) => `Abort ${askedAbout(view)}?`,
      isWanted: ({ phase }) => phase === 'aborted' || phase === 'rolled-back',
      isGoingOn: ({ phase }) => phase === 'aborting' || phase === 'rolling-back',
    });
  }
}
