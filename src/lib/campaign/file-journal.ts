import type { DurableFile, DurableFs } from '../core/durable-fs.js';
import { openIfThere } from '../core/durable-read.js';
import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import { JOURNAL_ENTRY_MAX_BYTES, type JournalEntry } from '../rollout/campaign-event.js';
import { EMPTY_JOURNAL } from '../rollout/journal-chain.js';
import type { Journal } from './journal.js';
import { JOURNAL_MAX_BYTES, readJournalFile } from './journal-file.js';

/**
 * A journal in a file: one entry a line, synced before `append` returns. One writer at a time, which its caller sees to.
 *
 * A line without its line feed is what a crash has left of an entry that nothing was built on: it is cut off. Whether the
 * others follow each other is seen by whoever reads them; see `followJournal`.
 */
export class FileJournal implements Journal, AsyncDisposable {
  readonly #fs: DurableFs;
  readonly #path: string;
  readonly #file: DurableFile;
  #last: { readonly seq: number; readonly hash: string };

  private constructor(fs: DurableFs, path: string, file: DurableFile, last: { seq: number; hash: string }) {
    this.#fs = fs;
    this.#path = path;
    this.#file = file;
    this.#last = last;
  }

  /**
   * Opens a journal to write on; a missing one is made, readable by its owner only.
   *
   * @throws OtaError STORE_DAMAGED, LIMIT_EXCEEDED; those of the disk
   */
  static async open(fs: DurableFs, path: string, directory: string): Promise<FileJournal> {
    const file = await fs.open(path, 'append');
    try {
      let end = 0;
      let last: { seq: number; hash: string } = EMPTY_JOURNAL;
      for (const page of readJournalFile(file, escapeText(path))) {
        end = page.end;
        last = page.entries.at(-1)!;
      }
      if (end < file.size) {
        await file.truncate(end);
        await file.sync();
      }
      // Its name, too, has to outlive a power cut before anything is done.
      if (end === 0) await fs.syncDirectory(directory);
      return new FileJournal(fs, path, file, last);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  read(after = 0): AsyncGenerator<readonly JournalEntry[]> {
    return readJournalEntries(this.#fs, this.#path, after);
  }

  async append(entries: readonly JournalEntry[]): Promise<void> {
    const [first, last] = [entries[0], entries.at(-1)];
    if (first === undefined || last === undefined) return;
    const name = escapeText(this.#path);
    if (first.seq !== this.#last.seq + 1 || first.previousHash !== this.#last.hash) {
      throw new OtaError('CONFLICT', `${name}: ends with entry ${this.#last.seq}, entry ${first.seq} does not follow`);
    }
    const lines = entries.map((entry) => Buffer.from(`${JSON.stringify(entry)}\n`));
    const bytes = lines.reduce((sum, line) => sum + line.byteLength, 0);
    const isTooLong = lines.some((line) => line.byteLength > JOURNAL_ENTRY_MAX_BYTES);
    if (isTooLong || this.#file.size + bytes > JOURNAL_MAX_BYTES) {
      throw new OtaError('LIMIT_EXCEEDED', `${name}: another ${bytes} bytes are more than a journal holds`);
    }
    await this.#file.append(lines);
    await this.#file.sync();
    this.#last = last;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/** Entries behind `after`, for somebody who does not write. @throws OtaError STORE_DAMAGED, LIMIT_EXCEEDED */
export async function* readJournalEntries(
  fs: DurableFs,
  path: string,
  after: number,
): AsyncGenerator<readonly JournalEntry[]> {
  const file = await openIfThere(fs, path);
  if (file === undefined) return;
  try {
    for (const { entries } of readJournalFile(file, escapeText(path))) {
      const wanted = entries.filter(({ seq }) => seq > after);
      if (wanted.length > 0) yield wanted;
    }
  } finally {
    await file.close();
  }
}
