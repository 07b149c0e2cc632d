import type { JournalEntry } from '../rollout/campaign-event.js';

/**
 * Where the journal of one campaign is kept: in a file (`file-journal`), or in a table of a fleet server. What is chained
 * and allowed is decided by whoever writes; a journal only keeps it.
 */
export interface Journal {
  /** All entries behind `after`, in order, in pages. */
  read(after?: number): AsyncIterable<readonly JournalEntry[]>;

  /**
   * Adds entries at the end. When it returns, they outlive a power cut: nothing is done at a server before.
   *
   * @throws OtaError CONFLICT: somebody else has written behind the entry that the first of these follows;
   *   those of the place where it is kept, after which nothing more may be written
   */
  append(entries: readonly JournalEntry[]): Promise<void>;
}
