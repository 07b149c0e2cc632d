import { isOver } from '../../../cli/rollout/campaign-outcome.js';
import { everyCampaign } from '../../../cli/rollout/find-campaign.js';
import { remarkFlag, yesFlag } from '../../../cli/rollout/request-command.js';
import { campaignHostFlags } from '../../../cli/rollout-host.js';
import { openRolloutSession, rolloutSessionFlags } from '../../../cli/rollout-session.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { dryRunFlag } from '../../../lib/ui/flags.js';
import { promptText } from '../../../lib/ui/prompts.js';
import { stoppedText } from '../../../lib/ui/rollout-text.js';

export default class RolloutStopAll extends BaseCommand {
  static override summary = 'Stop everything at a server: every campaign and every rollout, whoever began it.';

  static override description =
    'For the hour in which nobody knows yet which update it is. Campaigns that are under way end where they are, and ' +
    'take nobody back, whatever their plans say: `ota rollout rollback` does that, one by one, once it is known which. ' +
    'Rollouts are stopped, and devices that have not finished are asked to let go. There is no way to go on with them; a ' +
    'new plan begins anew. Asks for a word to be typed; where nobody can answer it needs --yes.\n\n' +
    'Exits 2 for wrong usage, 7 when the server does not answer, 15 when you are not logged in or may not, 130 when ' +
    'interrupted.';

  static override examples = [
    { description: 'What is under way?', command: '<%= config.bin %> <%= command.id %> --dry-run' },
    {
      description: 'Stop it, from a script:',
      command: '<%= config.bin %> <%= command.id %> --yes --remark "meters lose their clock"',
    },
  ];

  static override flags = {
    remark: remarkFlag,
    yes: yesFlag,
    'dry-run': dryRunFlag,
    ...campaignHostFlags,
    ...rolloutSessionFlags,
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(RolloutStopAll);
    const { signal } = this;
    const where = { environment: process.env, signal };
    await using session = await openRolloutSession(flags, where);
    const open = (await everyCampaign(session, flags, where)).filter((view) => !isOver(view)).map(({ name }) => name);
    const { address } = session.driver;
    if (flags['dry-run']) {
      this.print(stoppedText({ campaigns: open, rollouts: undefined }, address));
      return { isDryRun: true, campaigns: open };
    }
    if (!flags.yes) {
      const campaigns = `${open.length} ${open.length === 1 ? 'campaign' : 'campaigns'}`;
      await promptText({
        ...{
          message: `Type "stop" to end ${campaigns} and all rollouts at ${address}`,
          flag: 'yes',
          signal,
        },
        validate: (answer) => answer === 'stop' || 'Type stop, or press Ctrl-C to change nothing',
      });
    }
    const { stopEverything } = await import('../../../cli/rollout/stop-everything.js');
    const remark = flags.remark ?? 'everything is to stop';
    const stopped = await stopEverything(session, flags, { ...where, remark });
    this.print(stoppedText(stopped, address));
    return { isDryRun: false, ...stopped };
  }
}
