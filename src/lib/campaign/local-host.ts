import { isInterruption } from '../core/abort.js';
import { writeFileAtomically } from '../core/atomic-file.js';
import type { DurableFs } from '../core/durable-fs.js';
import { OtaError } from '../core/errors.js';
import { isLocked, withLock } from '../core/lock.js';
import { openDurableFs } from '../core/node-durable-fs.js';
import { escapeText } from '../core/text.js';
import type { FleetDriver } from '../fleet-api/driver.js';
import { type Pacing, systemPacing } from '../net/pacing.js';
import { refusalOf } from '../rollout/answer-request.js';
import type { JournalEntry } from '../rollout/campaign-event.js';
import type { CampaignPhase } from '../rollout/campaign-state.js';
import type { CampaignRequest, CampaignView } from '../rollout/campaign-view.js';
import { viewOf } from '../rollout/campaign-view-of.js';
import { planDigest } from '../rollout/parse-plan.js';
import type { RolloutPlan } from '../rollout/plan.js';
import { type CampaignFolder, CampaignReader, campaignFolder } from './campaign-folder.js';
import { FileJournal, readJournalEntries } from './file-journal.js';
import type { CampaignGauges } from './gauges.js';
import type { CampaignHost, CampaignUpdate } from './host.js';
import { LocalCampaign } from './local-campaign.js';
import { openCampaign } from './open-campaign.js';
import { RequestFiles } from './request-files.js';

export interface LocalHostOptions {
  /** Holds a folder for each campaign: plan, journal, requests, lock. Made where it is missing, for its owner only. */
  readonly folder: string;
  /** Of the server that campaigns are driven at; the caller's to end. */
  readonly driver: FleetDriver;
  readonly gauges?: CampaignGauges;
  readonly pacing?: Pacing;
  /** How often the server is asked how it goes, milliseconds. */
  readonly pollMs?: number;
  readonly fs?: DurableFs;
}

/** How often whoever watches or waits looks into the folder. */
const LOOK_EVERY_MS = 250;
/** How long whoever asks for something waits for the process that drives the campaign. */
const REQUEST_LOOKS = 40;
const STILL: ReadonlySet<CampaignPhase> = new Set([
  ...(['paused', 'finished', 'aborted', 'rolled-back', 'rollback-failed'] as const),
]);

/** Campaigns in a folder of this machine, each taken on by whoever drives it. */
export function openLocalHost(options: LocalHostOptions): CampaignHost {
  return new LocalHost(options);
}

class LocalHost implements CampaignHost {
  readonly isDetached = false;
  readonly #options: LocalHostOptions;
  readonly #fs: DurableFs;
  readonly #pacing: Pacing;

  constructor(options: LocalHostOptions) {
    this.#options = options;
    this.#fs = options.fs ?? openDurableFs();
    this.#pacing = options.pacing ?? systemPacing;
  }

  async open(plan: RolloutPlan, { by, signal }: { by: string; signal?: AbortSignal }): Promise<CampaignView> {
    this.#requireServer(plan);
    const at = campaignFolder(this.#options.folder, plan.name);
    await this.#fs.makeDirectory(at.path);
    await withLock(at.openLock, () => this.#begin(at, plan, by), signal ? { signal } : {});
    return await this.view(plan.name);
  }

  /** Whatever a crash has left of an earlier try is written anew, until the journal has its first entry. */
  async #begin(at: CampaignFolder, plan: RolloutPlan, by: string): Promise<void> {
    if (await this.#isBegun(at)) {
      if ((await this.#reader(at.name)).state.planDigest === planDigest(plan)) return;
      throw new OtaError('CONFLICT', `there is a campaign ${plan.name} with another plan`, [
        'Give the new plan another name.',
      ]);
    }
    await writeFileAtomically(at.plan, Buffer.from(JSON.stringify(plan)), { mode: 0o600, force: true });
    await using journal = await FileJournal.open(this.#fs, at.journal, at.path);
    await openCampaign(journal, plan, { by, time: this.#now() });
  }

  async #isBegun({ journal }: CampaignFolder): Promise<boolean> {
    for await (const _ of readJournalEntries(this.#fs, journal, 0)) return true;
    return false;
  }

  /**
   * Those at the driver's server. Those whose files cannot be read are left out: `view` tells what is wrong with them.
   */
  async list(): Promise<readonly CampaignView[]> {
    const views: CampaignView[] = [];
    for (const name of await this.#fs.list(this.#options.folder)) {
      const reader = await this.#reader(name).catch((error: unknown) => {
        if (error instanceof OtaError) return undefined;
        throw error;
      });
      if (reader !== undefined && this.#isHere(reader.plan)) views.push(await this.#viewOf(reader));
    }
    return views.sort((a, b) =>
      a.openedAt < b.openedAt ? 1 : a.openedAt > b.openedAt ? -1 : a.name < b.name ? -1 : 1,
    );
  }

  async view(name: string): Promise<CampaignView> {
    return await this.#viewOf(await this.#reader(name));
  }

  async plan(name: string): Promise<RolloutPlan> {
    return (await this.#reader(name)).plan;
  }

  async *journal(name: string, after: number): AsyncGenerator<readonly JournalEntry[]> {
    const at = campaignFolder(this.#options.folder, name);
    await this.#reader(name);
    yield* readJournalEntries(this.#fs, at.journal, after);
  }

  async request(
    name: string,
    request: CampaignRequest,
    { by, signal = new AbortController().signal }: { by: string; signal?: AbortSignal },
  ): Promise<CampaignView> {
    const { plan, state } = await this.#reader(name);
    this.#requireServer(plan);
    const refusal = refusalOf(plan, state, request);
    if (refusal !== undefined) throw new OtaError('CONFLICT', refusal, ['See `ota rollout status`.']);
    const at = campaignFolder(this.#options.folder, name);
    const files = new RequestFiles(this.#fs, at.requests);
    const id = await files.write(request, by, this.#now());
    for (let looks = 0; looks < REQUEST_LOOKS && (await files.isWaiting(id)); looks++) {
      if (await this.#answerAlone(at, signal)) break;
      await this.#pacing.delay(LOOK_EVERY_MS, signal);
    }
    const refused = await files.takeRefusal(id);
    if (refused !== undefined) throw refused;
    return await this.view(name);
  }

  /** Where nobody drives it, whoever asks does it. @returns whether that was so */
  async #answerAlone(at: CampaignFolder, signal: AbortSignal): Promise<boolean> {
    try {
      await using campaign = await this.#hold(at);
      await campaign.answerRequests(signal);
      return true;
    } catch (error) {
      if (error instanceof OtaError && error.code === 'LOCKED') return false;
      throw error;
    }
  }

  async *drive(name: string, signal: AbortSignal): AsyncGenerator<CampaignUpdate> {
    const { plan } = await this.#reader(name);
    this.#requireServer(plan);
    await using campaign = await this.#hold(campaignFolder(this.#options.folder, name));
    const { runner } = campaign;
    let told = '';
    try {
      while (!signal.aborted) {
        const asked = await campaign.answerRequests(signal);
        const { entries, next } = await runner.step(signal);
        const view = runner.view({ isDriven: true });
        const figures = JSON.stringify([view.stages.map((stage) => stage.figures), view.returning?.figures]);
        const isNew = asked.length + entries.length > 0 || figures !== told;
        told = figures;
        if (isNew || next.kind === 'rest' || next.kind === 'over') yield { view, entries: [...asked, ...entries] };
        if (next.kind === 'rest' || next.kind === 'over') return;
        if (next.kind === 'later') await this.#waitFor(campaign, next.afterMs, signal);
      }
    } catch (error) {
      if (!isInterruption(error, signal)) throw error;
    }
  }

  /** Somebody who asks is not kept waiting by a server that is not due yet. */
  async #waitFor(campaign: LocalCampaign, afterMs: number, signal: AbortSignal): Promise<void> {
    for (let left = afterMs; left > 0 && !signal.aborted; left -= LOOK_EVERY_MS) {
      await this.#pacing.delay(Math.min(left, LOOK_EVERY_MS), signal).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
      if (await campaign.hasRequests()) return;
    }
  }

  async *watch(name: string, signal: AbortSignal): AsyncGenerator<CampaignUpdate> {
    const reader = await this.#reader(name);
    let view = await this.#viewOf(reader);
    yield { view, entries: [] };
    while (!signal.aborted && !STILL.has(view.phase)) {
      await this.#pacing.delay(LOOK_EVERY_MS, signal).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
      const entries = await reader.next();
      const before = view;
      view = await this.#viewOf(reader);
      if (entries.length > 0 || view.isDriven !== before.isDriven) yield { view, entries };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #hold(at: CampaignFolder): Promise<LocalCampaign> {
    const { driver, gauges = {}, pollMs } = this.#options;
    const pacing = this.#pacing;
    return LocalCampaign.hold(this.#fs, at, { driver, gauges, pacing, ...(pollMs !== undefined && { pollMs }) });
  }

  async #reader(name: string): Promise<CampaignReader> {
    const { folder } = this.#options;
    return await CampaignReader.open(this.#fs, folder, campaignFolder(folder, name));
  }

  async #viewOf({ plan, state, head }: CampaignReader): Promise<CampaignView> {
    const isDriven = await isLocked(campaignFolder(this.#options.folder, state.name).lock);
    return viewOf(plan, state, { now: this.#now(), isDriven, head });
  }

  /** Attack: a plan that was made and reviewed for the test server is started at the one in the field. */
  #requireServer(plan: RolloutPlan): void {
    if (this.#isHere(plan)) return;
    const { name, server } = plan;
    const { kind, address } = this.#options.driver;
    const planned = escapeText(`${server.driver}+${server.address}`);
    throw new OtaError('CONFLICT', `${name} is planned for ${planned}, this is ${escapeText(`${kind}+${address}`)}`, [
      `Add --server ${planned}.`,
    ]);
  }

  #isHere({ server }: RolloutPlan): boolean {
    const { kind, address } = this.#options.driver;
    return server.driver === kind && server.address === address;
  }

  #now(): number {
    return this.#pacing.now().getTime();
  }
}
