import { join } from 'node:path';
import type { DurableFs } from '../core/durable-fs.js';
import { openIfThere } from '../core/durable-read.js';
import { OtaError } from '../core/errors.js';
import { readBounded } from '../core/file-access.js';
import { escapeText } from '../core/text.js';
import { applyEvent } from '../rollout/apply-event.js';
import type { JournalEntry } from '../rollout/campaign-event.js';
import type { CampaignState } from '../rollout/campaign-state.js';
import { EMPTY_JOURNAL, followJournal, type JournalHead } from '../rollout/journal-chain.js';
import { parsePlan } from '../rollout/parse-plan.js';
import { campaignName, PLAN_MAX_BYTES, type RolloutPlan } from '../rollout/plan.js';
import { readJournalFile } from './journal-file.js';

/** Where the files of a campaign are. */
export interface CampaignFolder {
  readonly name: string;
  readonly path: string;
  readonly plan: string;
  readonly journal: string;
  readonly requests: string;
  /** Held by whoever drives it. */
  readonly lock: string;
  /** Held while it is begun. */
  readonly openLock: string;
}

/** @throws OtaError NOT_FOUND: nothing can have this name. Attack: a name that leads out of the folder */
export function campaignFolder(folder: string, name: string): CampaignFolder {
  if (!campaignName.safeParse(name).success || name === '.' || name === '..') throw noCampaign(folder, name);
  const path = join(folder, name);
  return {
    ...{ name, path, plan: join(path, 'plan.json'), journal: join(path, 'journal.ndjson') },
    ...{ requests: join(path, 'requests'), lock: join(path, 'lock'), openLock: join(path, 'open.lock') },
  };
}

export function noCampaign(folder: string, name: string): OtaError {
  return new OtaError('NOT_FOUND', `there is no campaign ${escapeText(name)} in ${escapeText(folder)}`, [
    'Run `ota rollout list` to see those that are there.',
  ]);
}

/** @throws OtaError NOT_FOUND; those of `parsePlan` */
export async function readCampaignPlan({ plan }: CampaignFolder): Promise<RolloutPlan> {
  return parsePlan(await readBounded(plan, PLAN_MAX_BYTES, 'plan'), plan);
}

/** What a journal adds up to as far as it was read, by somebody who does not write it. */
export class CampaignReader {
  readonly #fs: DurableFs;
  readonly #at: CampaignFolder;
  readonly plan: RolloutPlan;
  #end = 0;
  #head: JournalHead = EMPTY_JOURNAL;
  #state: CampaignState | undefined;

  private constructor(fs: DurableFs, at: CampaignFolder, plan: RolloutPlan) {
    this.#fs = fs;
    this.#at = at;
    this.plan = plan;
  }

  /** @throws OtaError NOT_FOUND: nobody has begun it; STORE_DAMAGED */
  static async open(fs: DurableFs, folder: string, at: CampaignFolder): Promise<CampaignReader> {
    const plan = await readCampaignPlan(at).catch((error: unknown): never => {
      throw error instanceof OtaError && error.code === 'NOT_FOUND' ? noCampaign(folder, at.name) : error;
    });
    const reader = new CampaignReader(fs, at, plan);
    await reader.next();
    if (reader.#state === undefined) throw noCampaign(folder, at.name);
    return reader;
  }

  get state(): CampaignState {
    return this.#state!;
  }

  get head(): JournalHead {
    return this.#head;
  }

  /** Entries that were written since the last call. */
  async next(): Promise<readonly JournalEntry[]> {
    const file = await openIfThere(this.#fs, this.#at.journal);
    if (file === undefined) return [];
    try {
      const entries: JournalEntry[] = [];
      for (const page of readJournalFile(file, escapeText(this.#at.journal), this.#end)) {
        this.#head = followJournal(this.#head, page.entries);
        for (const entry of page.entries) this.#state = applyEvent(this.#state, entry, this.plan);
        this.#end = page.end;
        entries.push(...page.entries);
      }
      return entries;
    } finally {
      await file.close();
    }
  }
}
