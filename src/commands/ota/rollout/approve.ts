import { trustPlanFlag } from '../../../cli/rollout/plan-consent.js';
import { campaignArg, RequestCommand, requestFlags } from '../../../cli/rollout/request-command.js';
import { withWait } from '../../../cli/rollout/wait.js';

export default class RolloutApprove extends RequestCommand {
  static override summary = 'Approve the stage of a campaign that waits for it.';

  static override description =
    'Opens the approval gate of the stage that is under way. Of a campaign that a gate has paused, the stage passes in spite ' +
    'of that gate. The journal keeps who approved, and the remark.\n\n' +
    'Exits 0 when it is approved, or with --wait when the campaign is finished, 2 for wrong usage, 7 when the server does ' +
    'not answer, 8 when there is nothing to approve, 10 when it is paused, 11 when it is aborted, 12 when it is rolled back, ' +
    '13 when that fails, 14 when --wait ended first, 15 when you are not logged in or may not, 16 when there is no such ' +
    'campaign, 130 when interrupted.';

  static override examples = [
    { description: 'The one that is under way:', command: '<%= config.bin %> <%= command.id %> --remark "seen by QA"' },
    { description: 'And see how it goes on:', command: '<%= config.bin %> <%= command.id %> meter-2.1.0 --wait' },
  ];

  static override args = campaignArg;
  static override flags = { ...requestFlags, 'trust-plan': trustPlanFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RolloutApprove, withWait(this.argv));
    return await this.ask({ verb: 'approve', name: args.name, flags });
  }
}
