import { canonicalJson } from '../core/canonical-json.js';
import { sha256Hex } from '../core/sha256.js';
import { type CampaignEvent, JOURNAL_GENESIS, type JournalEntry } from './campaign-event.js';
import { damagedJournal } from './damaged-journal.js';

/** Where a journal ends: all that is needed to write on, or to check what was written since. */
export interface JournalHead {
  /** 0: it is empty. */
  readonly seq: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly hash: string;
}

export const EMPTY_JOURNAL: JournalHead = { seq: 0, time: 0, hash: JOURNAL_GENESIS };

/**
 * The entry that follows.
 *
 * @param time milliseconds since 1970; where the clock has gone back, the entry takes the time of the one before
 */
export function chainEntry(previous: JournalHead, time: number, event: CampaignEvent): JournalEntry {
  const body = { seq: previous.seq + 1, time: Math.max(time, previous.time), event, previousHash: previous.hash };
  return { ...body, hash: sha256Hex(canonicalJson(body)) };
}

/**
 * Checks that entries follow a head, and each other.
 *
 * @returns the new head
 * @throws OtaError STORE_DAMAGED: one was changed, left out, added or moved
 */
export function followJournal(head: JournalHead, entries: Iterable<JournalEntry>): JournalHead {
  let last = head;
  for (const { hash, ...body } of entries) {
    if (body.seq !== last.seq + 1) throw damagedJournal(`entry ${last.seq + 1} is missing, entry ${body.seq} follows`);
    if (body.previousHash !== last.hash) throw damagedJournal(`entry ${body.seq} does not follow entry ${last.seq}`);
    if (body.time < last.time) throw damagedJournal(`entry ${body.seq} is older than the one before`);
    if (sha256Hex(canonicalJson(body)) !== hash) throw damagedJournal(`entry ${body.seq} was changed`);
    last = { seq: body.seq, time: body.time, hash };
  }
  return last;
}
