import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import type { JournalEntry } from '../rollout/campaign-event.js';
import { EMPTY_JOURNAL, followJournal, type JournalHead } from '../rollout/journal-chain.js';

/** Where a journal ended when somebody looked at it before. */
export interface RememberedHead {
  readonly seq: number;
  /** 64 lowercase hex digits */
  readonly hash: string;
}

/** What a journal has to fit. */
export interface JournalChecks {
  /** Of the plan that is said to be carried out. */
  readonly planDigest: string;
  /** Absent: that its end was cut off cannot be noticed. */
  readonly remembered?: RememberedHead | undefined;
}

/**
 * Passes a journal through while following its chain.
 *
 * @param pages from the first entry on
 * @throws OtaError AUDIT_BROKEN with the first entry that was changed, removed, added or moved; or when the journal is of
 *   another plan, or does not hold what was remembered. Attack: who rewrites a whole journal can chain it anew, but not to
 *   a hash that others have kept
 */
export async function* verifiedJournal(
  pages: AsyncIterable<readonly JournalEntry[]>,
  { planDigest, remembered }: JournalChecks,
): AsyncGenerator<readonly JournalEntry[]> {
  let head: JournalHead = EMPTY_JOURNAL;
  for await (const entries of pages) {
    for (const entry of entries) {
      head = follow(head, entry);
      if (entry.event.type === 'opened' && entry.event.planDigest !== planDigest) {
        throw broken(`entry ${entry.seq} began another plan: ${escapeText(entry.event.planDigest)}, got ${planDigest}`);
      }
      if (entry.seq === remembered?.seq && entry.hash !== remembered.hash) {
        throw broken(`entry ${entry.seq} has the hash ${entry.hash}, it had ${remembered.hash}`);
      }
    }
    yield entries;
  }
  if (remembered !== undefined && head.seq < remembered.seq) {
    throw broken(`it ends with entry ${head.seq}, entry ${remembered.seq} was in it before`);
  }
}

function follow(head: JournalHead, entry: JournalEntry): JournalHead {
  try {
    return followJournal(head, [entry]);
  } catch (error) {
    throw error instanceof OtaError ? asBroken(error) : error;
  }
}

/** A journal that turns out damaged while it is verified is one that somebody may have changed. */
export function asBroken(error: OtaError): OtaError {
  return error.code === 'STORE_DAMAGED' ? broken(error.message, error) : error;
}

function broken(fact: string, cause?: OtaError): OtaError {
  const message = cause === undefined ? `the journal of the campaign is broken: ${fact}` : fact;
  return new OtaError(
    'AUDIT_BROKEN',
    message,
    ['Compare it with copies of it, and find out who could write to where it is kept.'],
    cause && { cause },
  );
}
