import type { CampaignHost } from '../../lib/campaign/host.js';
import { systemClock } from '../../lib/core/clock.js';
import { OtaError } from '../../lib/core/errors.js';
import { systemPacing } from '../../lib/net/pacing.js';
import type { CampaignView } from '../../lib/rollout/campaign-view.js';
import type { RolloutPlan } from '../../lib/rollout/plan.js';
import { BaseCommand } from '../../lib/ui/base-command.js';
import { campaignText } from '../../lib/ui/rollout-text.js';
import { spanText } from '../../lib/ui/telemetry-text.js';
import { paint } from '../../lib/ui/terminal.js';
import { campaignFailure, waitEnded } from './campaign-outcome.js';
import { CampaignWatch } from './campaign-watch.js';
import { followCampaign } from './follow-campaign.js';
import { consentToPlan } from './plan-consent.js';

export interface StayOptions {
  /** Takes it on, unless somebody else does. */
  readonly drives: boolean;
  /** `--trust-plan` was typed. */
  readonly trustsPlan?: boolean | undefined;
  /** Milliseconds; Infinity: without end. */
  readonly waitMs: number;
  /** Leaves as soon as this holds, without a failure. */
  readonly isEnough?: (view: CampaignView) => boolean;
  /** An end that was asked for is no failure. */
  readonly isWanted?: (view: CampaignView) => boolean;
}

/** Base of the commands that stay with a campaign: what they show meanwhile, and what they end with. */
export abstract class CampaignCommand extends BaseCommand {
  static override isStream = true;
  /** Whoever was asked about a plan is not asked again. */
  #consentedTo: string | undefined;

  /**
   * Stays with a campaign until it rests, and tells meanwhile what happens.
   *
   * @returns the document of `--json`
   * @throws OtaError GATE_FAILED, ROLLOUT_ABORTED, ROLLED_BACK, ROLLBACK_FAILED: how it rests; WAIT_ENDED; INTERRUPTED
   */
  protected async stay(host: CampaignHost, begun: CampaignView, options: StayOptions): Promise<object> {
    const { drives, waitMs, isEnough, isWanted = () => false, trustsPlan } = options;
    // One that is being ended asks no gate any more.
    if (drives && begun.phase === 'running') await this.consent(host, begun, trustsPlan);
    await this.event('campaign', begun);
    const watch = new CampaignWatch(begun, hintText(host, drives), {
      note: (text) => this.note(text),
      event: (type, fields) => this.event(type, fields),
      block: (draw) => this.statusBlock(draw),
      paint: (style, text) => paint(style, text, process.stderr, process.env),
      monotonicMs: () => systemPacing.monotonicMs(),
      nowMs: () => systemClock.now().getTime(),
    });
    const { view: last, reason } = await followCampaign(host, begun, {
      ...{ drives, waitMs, signal: this.signal },
      ...(isEnough && { isEnough }),
      onUpdate: (update) => watch.update(update),
      onForeign: () => this.note(`Another process drives ${begun.name}; watching it`),
    }).catch((error: unknown) => {
      throw error instanceof OtaError && !this.signal.aborted ? leftAlone(error, host, begun, drives) : error;
    });
    watch.end();
    const isLeft = drives && !host.isDetached && reason !== 'rests';
    const view = isLeft ? { ...last, isDriven: (await host.view(last.name)).isDriven } : last;
    if (reason === 'signal') throw this.#interrupted(host, view, drives);
    const failure =
      reason === 'time'
        ? waitEnded(view, spanText(waitMs), nextSteps(host, view, drives))
        : reason === 'enough' || isWanted(view)
          ? undefined
          : campaignFailure(view);
    this.print(await campaignText(view, host.isDetached));
    if (failure === undefined) return { type: 'campaign', ...view };
    await this.event('campaign', view);
    throw failure;
  }

  /** For the host of a campaign that is stayed with. */
  protected readonly onLost = (reason: OtaError | undefined): void => {
    if (reason === undefined) this.note('The server is back');
    else this.warnUser(`${reason.message}; trying to get it back`);
  };

  /**
   * Asks before this machine does for the first time what a plan wants of it.
   *
   * @param plan absent: it is asked for
   * @throws OtaError USAGE, INTERRUPTED
   */
  protected async consent(
    host: CampaignHost,
    { name, isDriven }: Pick<CampaignView, 'name' | 'isDriven'>,
    trustsPlan = false,
    plan?: RolloutPlan,
  ): Promise<void> {
    if (host.isDetached || isDriven || this.#consentedTo === name) return;
    await consentToPlan(plan ?? (await host.plan(name, this.signal)), {
      ...{ isTrusted: trustsPlan, signal: this.signal },
      tell: (line) => this.warnUser(line),
    });
    this.#consentedTo = name;
  }

  #interrupted(host: CampaignHost, view: CampaignView, drives: boolean): OtaError {
    const { code, message } = this.signal.reason as OtaError;
    const goesOn = host.isDetached || !drives ? 'goes on' : 'stands';
    return new OtaError(code, `${message}; ${view.name} ${goesOn}${placeText(host, drives)}`, [
      ...nextSteps(host, view, drives),
    ]);
  }
}

/** What ends a command does not end the campaign: a login that has ended, a server that is away. */
function leftAlone(error: OtaError, host: CampaignHost, { name }: CampaignView, drives: boolean): OtaError {
  const next =
    !host.isDetached && drives
      ? `Nothing further starts until \`ota rollout resume ${name}\`.`
      : `${name} goes on without this command: \`ota rollout watch ${name}\` shows it again.`;
  return new OtaError(error.code, error.message, [...error.suggestions, next], { cause: error });
}

function placeText(host: CampaignHost, drives: boolean): string {
  if (host.isDetached) return ' at the server';
  if (!drives) return ', driven by another process';
  return ': devices that were given the update finish it, and nothing further starts';
}

function hintText(host: CampaignHost, drives: boolean): string {
  if (host.isDetached) return 'Ctrl-C stops watching; the campaign goes on at the server.';
  return drives
    ? 'Ctrl-C leaves it: devices that were given the update finish it, nothing further starts.'
    : 'Ctrl-C stops watching.';
}

function nextSteps(host: CampaignHost, { name }: CampaignView, drives: boolean): string[] {
  if (!host.isDetached && drives) {
    return [`\`ota rollout resume ${name}\` goes on with it, \`ota rollout abort ${name}\` ends it.`];
  }
  return [
    `\`ota rollout watch ${name}\` shows it again, \`ota rollout pause ${name}\` stops it, \`ota rollout abort ${name}\` ends it.`,
  ];
}
