import { Args, Flags } from '@oclif/core';
import type { CampaignHost } from '../../lib/campaign/host.js';
import { OtaError } from '../../lib/core/errors.js';
import { systemPacing } from '../../lib/net/pacing.js';
import type { CampaignRequest, CampaignView } from '../../lib/rollout/campaign-view.js';
import { dryRunFlag } from '../../lib/ui/flags.js';
import { promptConfirm } from '../../lib/ui/prompts.js';
import { doneText, stageText } from '../../lib/ui/rollout-text.js';
import { type CampaignHostFlags, campaignHostFlags } from '../rollout-host.js';
import { openRolloutSession, type RolloutSessionFlags, rolloutSessionFlags } from '../rollout-session.js';
import { CampaignCommand } from './campaign-command.js';
import { isOver, isResting } from './campaign-outcome.js';
import { findCampaign } from './find-campaign.js';
import { parseWait, waitFlag } from './wait.js';

/** As `CampaignRequest`. */
const MAX_REMARK_LENGTH = 1024;

export const campaignArg = {
  name: Args.string({ description: 'Name of the campaign; may be left out while one is under way.' }),
};

export const remarkFlag = Flags.string({
  char: 'm',
  summary: 'Why, for whoever reads the journal later.',
  helpValue: 'TEXT',
  parse: async (text) => checkedRemark(text),
});

export const requestFlags = {
  remark: remarkFlag,
  wait: waitFlag,
  'dry-run': dryRunFlag,
  ...campaignHostFlags,
  ...rolloutSessionFlags,
};

export const yesFlag = Flags.boolean({ char: 'y', summary: 'Do not ask.', default: false });

interface RequestFlags extends CampaignHostFlags, RolloutSessionFlags {
  readonly remark?: string | undefined;
  readonly wait?: string | undefined;
  readonly 'dry-run': boolean;
  /** Of requests after which a campaign may go on. */
  readonly 'trust-plan'?: boolean | undefined;
}

interface Ask {
  readonly verb: CampaignRequest['verb'];
  readonly name: string | undefined;
  readonly flags: RequestFlags;
  /** Asked first on a terminal; where nobody can answer, `--yes` is needed. */
  readonly question?: ((view: CampaignView) => string) | undefined;
  /** What it ends in when all is well; what is so already is not asked for. Absent: nothing that could be told. */
  readonly isWanted?: ((view: CampaignView) => boolean) | undefined;
  /** Whether it goes on without being asked. */
  readonly isGoingOn?: ((view: CampaignView) => boolean) | undefined;
}

const LOOK_EVERY_MS = 1_000;
const NEVER = () => false;

/** Base of the commands that want something of a campaign. */
export abstract class RequestCommand extends CampaignCommand {
  /**
   * @returns the document of `--json`
   * @throws OtaError NOT_FOUND; CONFLICT: the campaign is in no phase for that; those of staying with it
   */
  protected async ask({ verb, name, flags, question, isWanted = NEVER, isGoingOn = NEVER }: Ask): Promise<object> {
    const waitMs = parseWait(flags.wait);
    const { signal } = this;
    await using session = await openRolloutSession(flags, { environment: process.env, signal });
    const { host, view } = await findCampaign(session, flags, {
      name,
      environment: process.env,
      signal,
      onLost: this.onLost,
    });
    await using _ = host;
    if (isOver(view) && verb !== 'rollback' && verb !== 'retry-failed') throw tooLate(view, verb);
    const isDone = isWanted(view);
    if (flags['dry-run'] || isDone) {
      this.print(
        isDone ? `${view.name} was ${doneText(view)} already` : `Would ${verb} ${view.name}: ${doneText(view)}`,
      );
      return { type: 'campaign', isDryRun: flags['dry-run'], ...view };
    }
    const trustsPlan = flags['trust-plan'];
    if (isGoingOn(view)) return await this.#after(host, view, { waitMs, isWanted, did: 'is', trustsPlan });
    if (question !== undefined && !(await promptConfirm({ message: question(view), flag: 'yes', signal }))) {
      throw new OtaError('INTERRUPTED', 'Nothing was changed');
    }
    // What ends a campaign asks no gate, and waits for nobody.
    if (trustsPlan !== undefined) await this.consent(host, view, trustsPlan);
    const request = { verb, ...(flags.remark !== undefined && { remark: flags.remark }) };
    let asked = await host.request(view.name, request, { by: session.by, signal });
    // A server that is busy does it later: until then the campaign rests as it did before.
    while (waitMs !== undefined && host.isDetached && asked.head.seq === view.head.seq && isResting(asked)) {
      await systemPacing.delay(LOOK_EVERY_MS, signal);
      asked = await host.view(view.name, signal);
    }
    return await this.#after(host, asked, {
      waitMs,
      isWanted,
      did: isWanted(asked) ? 'is' : `is asked to ${verb}:`,
      trustsPlan,
    });
  }

  /** A campaign that this machine drives does nothing by itself: what was asked for happens while it is driven. */
  async #after(
    host: CampaignHost,
    view: CampaignView,
    {
      waitMs,
      isWanted,
      did,
      trustsPlan,
    }: {
      waitMs: number | undefined;
      isWanted: (view: CampaignView) => boolean;
      did: string;
      trustsPlan: boolean | undefined;
    },
  ): Promise<object> {
    const drives = !host.isDetached && !view.isDriven;
    if (waitMs !== undefined || (drives && !isResting(view))) {
      return await this.stay(host, view, { drives, waitMs: waitMs ?? Number.POSITIVE_INFINITY, isWanted, trustsPlan });
    }
    this.print(`${view.name} ${did} ${doneText(view)}`);
    if (!isResting(view)) this.note(`Watch it with \`ota rollout watch ${view.name}\``);
    return { type: 'campaign', ...view };
  }
}

function tooLate(view: CampaignView, verb: string): OtaError {
  const isBack = view.phase === 'rolled-back' || view.phase === 'rollback-failed';
  return new OtaError('CONFLICT', `${view.name} is ${view.phase} since ${view.endedAt}: there is nothing to ${verb}`, [
    ...(isBack ? [] : [`\`ota rollout rollback ${view.name}\` asks devices to go back.`]),
    `\`ota rollout status ${view.name}\` tells how it ended.`,
  ]);
}

function checkedRemark(text: string): string {
  if (text.length <= MAX_REMARK_LENGTH) return text;
  throw new OtaError('USAGE', `it has ${text.length} characters, at most ${MAX_REMARK_LENGTH} are kept`);
}

/** `meter-2.1.0 in stage early (2 of 4): 24 of 50 installed` */
export function askedAbout(view: CampaignView): string {
  return `${view.name} in ${stageText(view)}`;
}
