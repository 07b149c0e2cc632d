import { CampaignCommand } from '../../../cli/rollout/campaign-command.js';
import { findCampaign } from '../../../cli/rollout/find-campaign.js';
import { campaignArg } from '../../../cli/rollout/request-command.js';
import { longestWaitFlag, parseWait, withWait } from '../../../cli/rollout/wait.js';
import { campaignHostFlags } from '../../../cli/rollout-host.js';
import { openRolloutSession, rolloutSessionFlags } from '../../../cli/rollout-session.js';

export default class RolloutWatch extends CampaignCommand {
  static override summary = 'Watch a campaign until it ends or stands still.';

  static override description =
    'Changes nothing, and may be ended and begun at any time. A live view on a terminal, lines elsewhere; --json prints ' +
    'events, one a line: campaign with all of it at the beginning and at the end, stage when figures change, and what the ' +
    "campaign's journal says.\n\n" +
    'Exits 0 when the campaign is finished, 2 for wrong usage, 7 when the server does not answer, 10 when it is paused, 11 ' +
    'when it is aborted, 12 when it is rolled back, 13 when that failed, 14 when --wait ended first, 15 when you are not ' +
    'logged in or may not, 16 when there is no such campaign, 130 when interrupted.';

  static override examples = [
    { description: 'The one that is under way:', command: '<%= config.bin %> <%= command.id %>' },
    {
      description: 'A step of a pipeline that fails unless the campaign is finished in two hours:',
      command:
        '<%= config.bin %> <%= command.id %> meter-2.1.0 --wait 2h --server https://fleet.example.com --token-env FLEET_TOKEN --json',
    },
  ];

  static override args = campaignArg;
  static override flags = { wait: longestWaitFlag, ...campaignHostFlags, ...rolloutSessionFlags };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RolloutWatch, withWait(this.argv));
    const waitMs = parseWait(flags.wait) ?? Number.POSITIVE_INFINITY;
    const { signal } = this;
    await using session = await openRolloutSession(flags, { environment: process.env, signal });
    const found = await findCampaign(session, flags, {
      name: args.name,
      environment: process.env,
      signal,
      onLost: this.onLost,
    });
    await using host = found.host;
    const { view } = found;
    if (view.phase === 'running' && !host.isDetached && !view.isDriven) {
      this.warnUser(`nobody drives ${view.name}: it goes on with \`ota rollout resume ${view.name}\``);
    }
    return await this.stay(host, view, { drives: false, waitMs });
  }
}
