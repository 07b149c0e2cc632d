import { findCampaign } from '../../../cli/rollout/find-campaign.js';
import { campaignArg } from '../../../cli/rollout/request-command.js';
import { campaignHostFlags } from '../../../cli/rollout-host.js';
import { openRolloutSession, rolloutSessionFlags } from '../../../cli/rollout-session.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { campaignText } from '../../../lib/ui/rollout-text.js';

export default class RolloutStatus extends BaseCommand {
  static override summary = 'Tell where a campaign stands: its stages, what its gates say, and why it waits.';

  static override description =
    'Exits 0 whatever became of the campaign (`ota rollout watch` has statuses for that), 2 for wrong usage, 7 when the ' +
    'server does not answer, 15 when you are not logged in or may not, 16 when there is no such campaign.';

  static override examples = [
    { description: 'The one that is under way:', command: '<%= config.bin %> <%= command.id %>' },
    { description: 'For a script:', command: '<%= config.bin %> <%= command.id %> meter-2.1.0 --json' },
  ];

  static override args = campaignArg;
  static override flags = { ...campaignHostFlags, ...rolloutSessionFlags };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RolloutStatus);
    const { signal } = this;
    await using session = await openRolloutSession(flags, { environment: process.env, signal });
    const found = await findCampaign(session, flags, { name: args.name, environment: process.env, signal });
    await using host = found.host;
    this.print(await campaignText(found.view, host.isDetached));
    return found.view;
  }
}
