import { Flags } from '@oclif/core';
import { isOver } from '../../../cli/rollout/campaign-outcome.js';
import { everyCampaign } from '../../../cli/rollout/find-campaign.js';
import { campaignHostFlags } from '../../../cli/rollout-host.js';
import { openRolloutSession, rolloutSessionFlags } from '../../../cli/rollout-session.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { campaignsText } from '../../../lib/ui/rollout-text.js';

export default class RolloutList extends BaseCommand {
  static override summary = 'List campaigns, the newest first.';

  static override description =
    'Those that the server runs, and those that this machine drives there.\n\n' +
    'Exits 2 for wrong usage, 7 when the server does not answer, 15 when you are not logged in or may not.';

  static override examples = [
    { description: 'All:', command: '<%= config.bin %> <%= command.id %>' },
    { description: 'What is under way or paused:', command: '<%= config.bin %> <%= command.id %> --active' },
  ];

  static override flags = {
    active: Flags.boolean({ summary: 'Leave out those that have ended.', default: false }),
    ...campaignHostFlags,
    ...rolloutSessionFlags,
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(RolloutList);
    const { signal } = this;
    await using session = await openRolloutSession(flags, { environment: process.env, signal });
    const all = await everyCampaign(session, flags, { environment: process.env, signal });
    const campaigns = flags.active ? all.filter((view) => !isOver(view)) : all;
    if (campaigns.length > 0) this.print(await campaignsText(campaigns));
    else
      this.note(
        flags.active ? 'No campaign is under way' : 'There is no campaign yet: `ota rollout plan` makes a plan',
      );
    return { campaigns };
  }
}
