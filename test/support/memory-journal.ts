import type { Journal } from '../../src/lib/campaign/journal.js';
import { OtaError } from '../../src/lib/core/errors.js';
import type { JournalEntry } from '../../src/lib/rollout/campaign-event.js';

/** A journal that outlives whoever writes it, in memory. */
export class MemoryJournal implements Journal {
  readonly entries: JournalEntry[] = [];
  /** Called before and after entries are kept; may throw. */
  readonly #around: (when: 'before' | 'after') => void;

  constructor(around: (when: 'before' | 'after') => void = () => {}) {
    this.#around = around;
  }

  async *read(after = 0): AsyncGenerator<readonly JournalEntry[]> {
    const entries = structuredClone(this.entries.slice(after));
    if (entries.length > 0) yield entries;
  }

  async append(entries: readonly JournalEntry[]): Promise<void> {
    this.#around('before');
    if (entries[0]!.seq !== this.entries.length + 1) throw new OtaError('CONFLICT', 'somebody else has written');
    this.entries.push(...structuredClone(entries));
    this.#around('after');
  }
}
