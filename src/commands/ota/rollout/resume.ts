import { trustPlanFlag } from '../../../cli/rollout/plan-consent.js';
import { campaignArg, RequestCommand, requestFlags } from '../../../cli/rollout/request-command.js';
import { withWait } from '../../../cli/rollout/wait.js';

export default class RolloutResume extends RequestCommand {
  static override summary = 'Let a campaign go on that is paused, or that nobody drives.';

  static override description =
    'What a gate had against it until now is accepted: only new evidence pauses it again. The stage still waits for its ' +
    'gates; `ota rollout approve` lets it pass in spite of them. A campaign that the server does not run itself (a hawkBit, ' +
    'or --local) is driven by this command until it ends or stands still; after a crash or a lost connection it goes on ' +
    'where it was.\n\n' +
    'Exits 0 when it goes on, or with --wait when it is finished, 2 for wrong usage, 7 when the server does not answer, 8 ' +
    'when the campaign has ended, 10 when it is paused again, 11 when it is aborted, 12 when it is rolled back, 13 when that ' +
    'fails, 14 when --wait ended first, 15 when you are not logged in or may not, 16 when there is no such campaign, 130 ' +
    'when interrupted.';

  static override examples = [
    { description: 'Go on after a pause:', command: '<%= config.bin %> <%= command.id %> meter-2.1.0' },
    {
      description: 'Go on at a hawkBit after the machine was restarted, for two hours at most:',
      command: '<%= config.bin %> <%= command.id %> meter-2.1.0 --server hawkbit+https://hawkbit.example.com --wait 2h',
    },
  ];

  static override args = campaignArg;
  static override flags = { ...requestFlags, 'trust-plan': trustPlanFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RolloutResume, withWait(this.argv));
    return await this.ask({
      ...{ verb: 'resume', name: args.name, flags },
      isGoingOn: (view) => view.phase !== 'paused',
    });
  }
}
