import { trustPlanFlag } from '../../../cli/rollout/plan-consent.js';
import { campaignArg, RequestCommand, requestFlags } from '../../../cli/rollout/request-command.js';
import { withWait } from '../../../cli/rollout/wait.js';

export default class RolloutRetryFailed extends RequestCommand {
  static override summary = 'Give the update once more to the devices of the present stage that failed.';

  static override description =
    'Only devices whose failure the server knows; those that are stuck may still be at it. A campaign that is paused tries ' +
    'them when it is resumed.\n\n' +
    'Exits 0 when they are given it, or with --wait when the campaign is finished, 2 for wrong usage, 7 when the server does ' +
    'not answer, 8 when no device has failed or the campaign has ended, 10 when it is paused, 11 when it is aborted, 12 when ' +
    'it is rolled back, 13 when that fails, 14 when --wait ended first, 15 when you are not logged in or may not, 16 when ' +
    'there is no such campaign, 130 when interrupted.';

  static override examples = [
    { description: 'The one that is under way:', command: '<%= config.bin %> <%= command.id %>' },
    { description: 'And see how it goes on:', command: '<%= config.bin %> <%= command.id %> meter-2.1.0 --wait' },
  ];

  static override args = campaignArg;
  static override flags = { ...requestFlags, 'trust-plan': trustPlanFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RolloutRetryFailed, withWait(this.argv));
    return await this.ask({ verb: 'retry-failed', name: args.name, flags });
  }
}
