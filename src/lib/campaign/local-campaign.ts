import { dirname } from 'node:path';
import type { DurableFs } from '../core/durable-fs.js';
import { type ErrorCode, OtaError } from '../core/errors.js';
import { type HeldLock, takeLock } from '../core/lock.js';
import type { JournalEntry } from '../rollout/campaign-event.js';
import { type CampaignFolder, readCampaignPlan } from './campaign-folder.js';
import { FileJournal } from './file-journal.js';
import { RequestFiles } from './request-files.js';
import { CampaignRunner, type RunnerOptions } from './runner.js';

/** A campaign that this process holds: nobody else writes its journal until it is let go. */
export class LocalCampaign implements AsyncDisposable {
  readonly runner: CampaignRunner;
  readonly #journal: FileJournal;
  readonly #lock: HeldLock;
  readonly #requests: RequestFiles;

  private constructor(runner: CampaignRunner, journal: FileJournal, lock: HeldLock, requests: RequestFiles) {
    this.runner = runner;
    this.#journal = journal;
    this.#lock = lock;
    this.#requests = requests;
  }

  /** @throws OtaError LOCKED: somebody else holds it; NOT_FOUND; STORE_DAMAGED */
  static async hold(
    fs: DurableFs,
    at: CampaignFolder,
    options: Omit<RunnerOptions, 'plan' | 'journal'>,
  ): Promise<LocalCampaign> {
    const plan = await readCampaignPlan(at);
    const lock = await takeLock(at.lock);
    try {
      const journal = await FileJournal.open(fs, at.journal, dirname(at.journal));
      try {
        const runner = await CampaignRunner.open({ ...options, plan, journal });
        return new LocalCampaign(runner, journal, lock, new RequestFiles(fs, at.requests));
      } catch (error) {
        await journal[Symbol.asyncDispose]();
        throw error;
      }
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Does what others have asked for meanwhile, the oldest first. What cannot be done is told to whoever asked. */
  async answerRequests(signal: AbortSignal): Promise<readonly JournalEntry[]> {
    const entries: JournalEntry[] = [];
    for (const id of await this.#requests.waiting()) {
      try {
        const { request, by } = await this.#requests.read(id);
        entries.push(...(await this.runner.request(request, by, signal)));
        await this.#requests.answer(id);
      } catch (error) {
        if (signal.aborted || !isRefusal(error)) throw error;
        await this.#requests.answer(id, error);
      }
    }
    return entries;
  }

  async hasRequests(): Promise<boolean> {
    return (await this.#requests.waiting()).length > 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#journal[Symbol.asyncDispose]();
    await this.#lock.release();
  }
}

/** The login, the disk or the journal is at fault, or the process ends: the request stands for whoever goes on. */
const STANDING: ReadonlySet<ErrorCode> = new Set([
  ...(['AUTHENTICATION_FAILED', 'PERMISSION_DENIED', 'STORE_DAMAGED', 'INTERRUPTED', 'TERMINATED'] as const),
  ...(['NO_SPACE', 'IO_FAILED'] as const),
]);

/** Whatever else fails is told to whoever asked: a request that nobody can do would end each drive from then on. */
function isRefusal(error: unknown): error is OtaError {
  return error instanceof OtaError && !STANDING.has(error.code);
}
