import { Args, Flags } from '@oclif/core';
import { CampaignCommand } from '../../../cli/rollout/campaign-command.js';
import { trustPlanFlag } from '../../../cli/rollout/plan-consent.js';
import { longestWaitFlag, parseWait, withWait } from '../../../cli/rollout/wait.js';
import { campaignHostFlags, hostForPlan } from '../../../cli/rollout-host.js';
import { openRolloutSession, type RolloutSession, rolloutSessionFlags } from '../../../cli/rollout-session.js';
import type { CampaignHost } from '../../../lib/campaign/host.js';
import { OtaError } from '../../../lib/core/errors.js';
import { escapeText } from '../../../lib/core/text.js';
import { httpPolicyFromEnvironment } from '../../../lib/net/http-policy.js';
import type { CampaignView } from '../../../lib/rollout/campaign-view.js';
import type { RolloutPlan } from '../../../lib/rollout/plan.js';
import { dryRunFlag } from '../../../lib/ui/flags.js';
import { beginText, doneText, driftText } from '../../../lib/ui/rollout-text.js';

export default class RolloutStart extends CampaignCommand {
  static override summary = 'Begin the campaign of a plan, and watch it until it ends or stands still.';

  static override description =
    'Refuses when the devices have changed since the plan was made by more than it allows; `ota rollout diff` tells in what. ' +
    'The package has to be at the server, or is sent there with --package. The same plan may be started again: that goes on ' +
    'with the campaign that is there.\n\n' +
    'A campaign at `fleet serve` runs in the server: it goes on after Ctrl-C, or with --detach. One at a hawkBit, or with ' +
    '--local, is driven by this command; when that ends, devices that were given the update finish it, and nothing further ' +
    'starts until `ota rollout resume`. --json prints events, one a line, as `ota rollout watch` does.\n\n' +
    'Exits 0 when the campaign is finished (with --detach: begun), 2 for wrong usage, 4 for a file that is no plan, 7 when ' +
    'the server does not answer, 8 when devices or the package have changed or another plan has this name, 10 when it is ' +
    'paused, 11 when it is aborted, 12 when it is rolled back, 13 when that failed, 14 when --wait ended first, 15 when you ' +
    'are not logged in or may not, 16 when there is no such file or the package is not at the server, 130 when interrupted.';

  static override examples = [
    {
      description: 'Begin, and watch:',
      command: '<%= config.bin %> <%= command.id %> plan.json --package meter-2.1.0.ota',
    },
    {
      description: 'In a pipeline that does not wait for days:',
      command: '<%= config.bin %> <%= command.id %> plan.json --detach --token-env FLEET_TOKEN --json',
    },
  ];

  static override args = {
    plan: Args.string({ description: 'Plan: a path, - for stdin, or an http(s) address.', required: true }),
  };

  static override flags = {
    package: Flags.string({
      summary: 'Package of the plan, to be sent to the server if it is not there.',
      helpValue: 'PATH|URL',
    }),
    wait: { ...longestWaitFlag, exclusive: ['detach'] },
    detach: Flags.boolean({ summary: 'Do not wait for anything but the beginning.', default: false }),
    'accept-drift': Flags.boolean({
      summary: 'Begin although the devices have changed by more than the plan allows.',
      default: false,
    }),
    'dry-run': dryRunFlag,
    ...campaignHostFlags,
    'trust-plan': trustPlanFlag,
    ...rolloutSessionFlags,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RolloutStart, withWait(this.argv));
    const waitMs = parseWait(flags.wait) ?? Number.POSITIVE_INFINITY;
    const { signal } = this;
    const input = {
      http: httpPolicyFromEnvironment(process.env),
      stdin: process.stdin,
      onArrival: this.onArrival,
      signal,
    };
    const { flagsForPlan, readPlanFile, requireServerOf } = await import('../../../cli/rollout/plan-file.js');
    const plan = await readPlanFile(args.plan, input);
    await using session = await openRolloutSession(flagsForPlan(flags, plan), { environment: process.env, signal });
    requireServerOf(plan, session);
    await using host = await hostForPlan(session, flags, {
      plan,
      environment: process.env,
      signal,
      onLost: this.onLost,
    });
    const known = await this.#known(host, plan);
    const trustsPlan = flags['trust-plan'];
    if (known === undefined) {
      const begun = { name: plan.name, isDriven: false };
      await this.consent(host, begun, trustsPlan || flags['dry-run'], plan);
      await this.#checkDrift(session, plan, flags['accept-drift']);
      await this.#bringPackage(session, plan, flags, input);
    }
    if (flags['dry-run']) {
      this.print(known === undefined ? beginText(plan) : `${plan.name} is ${doneText(known)}`);
      return { type: 'campaign', isDryRun: true, name: plan.name, phase: known?.phase ?? null };
    }
    const view = await host.open(plan, { by: session.by, signal });
    if (known !== undefined) this.note(`${plan.name} was begun before, at ${known.openedAt} by ${known.openedBy}`);
    if (!flags.detach) return await this.stay(host, view, { drives: true, waitMs, trustsPlan });
    return await this.#detach(host, view, trustsPlan);
  }

  /** A campaign that was begun with the same plan has changed the devices itself. */
  async #known(host: CampaignHost, plan: RolloutPlan): Promise<CampaignView | undefined> {
    const { planDigest } = await import('../../../lib/rollout/parse-plan.js');
    try {
      const view = await host.view(plan.name, this.signal);
      if (view.planDigest === planDigest(plan)) return view;
      throw new OtaError('CONFLICT', `there is a campaign ${plan.name} already, and it has another plan`, [
        'Make the plan with another --name.',
        `\`ota rollout status ${plan.name}\` tells where that one stands.`,
      ]);
    } catch (error) {
      if (error instanceof OtaError && error.code === 'NOT_FOUND') return undefined;
      throw error;
    }
  }

  async #checkDrift({ driver }: RolloutSession, plan: RolloutPlan, isAccepted: boolean): Promise<void> {
    const { checkDrift } = await import('../../../lib/campaign/check-drift.js');
    const drift = await checkDrift(plan, driver, this.signal);
    if (drift.percent > 0) this.note(driftText(drift));
    if (drift.isWithinAllowed || isAccepted) return;
    throw new OtaError(
      'CONFLICT',
      `${plan.name}: ${driftText(drift)}, at most ${drift.allowedPercent} % are allowed since the plan was made`,
      ['`ota rollout diff` names the devices. Make a new plan, or add --accept-drift.'],
    );
  }

  async #bringPackage(
    { driver }: RolloutSession,
    plan: RolloutPlan,
    flags: { package?: string | undefined; 'dry-run': boolean },
    input: Parameters<typeof import('../../../cli/rollout/send-package.js').requirePlannedPackage>[2],
  ): Promise<void> {
    const { product, version, digest, filename } = plan.package;
    if ((await driver.findSoftware({ product, version, digest }, this.signal)) !== undefined) return;
    if (flags.package === undefined) {
      throw new OtaError(
        'NOT_FOUND',
        `${escapeText(product)} ${escapeText(version)} is not at ${escapeText(driver.address)}`,
        [`Add --package ${escapeText(filename)} to send it there.`],
      );
    }
    const { requirePlannedPackage, sendPackage } = await import('../../../cli/rollout/send-package.js');
    if (flags['dry-run']) await requirePlannedPackage(flags.package, plan, input);
    else {
      const onProgress = (label: string, totalBytes: number) => this.progress(label, { totalBytes });
      await sendPackage(flags.package, plan, driver, { input, signal: this.signal, onProgress });
    }
  }

  async #detach(host: CampaignHost, view: CampaignView, trustsPlan: boolean): Promise<object> {
    if (host.isDetached) {
      this.print(`${view.name} is ${doneText(view)}`);
      this.note(`It goes on at the server: \`ota rollout watch ${view.name}\` shows it`);
      return { type: 'campaign', ...view };
    }
    const isEnough = ({ stages }: CampaignView) => stages.some(({ startedAt }) => startedAt !== null);
    const waitMs = Number.POSITIVE_INFINITY;
    const left = await this.stay(host, view, { drives: true, waitMs, isEnough, trustsPlan });
    this.warnUser(`nothing further starts until \`ota rollout resume ${view.name}\``);
    return left;
  }
}
