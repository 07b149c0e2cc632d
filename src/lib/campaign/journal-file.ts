import type { DurableFile } from '../core/durable-fs.js';
import { OtaError } from '../core/errors.js';
import { checkSchema } from '../core/schema.js';
import { parseStrictJson } from '../core/strict-json.js';
import { JOURNAL_ENTRY_MAX_BYTES, type JournalEntry, journalEntry } from '../rollout/campaign-event.js';
import { damagedJournal } from '../rollout/damaged-journal.js';

/** A campaign of years. */
export const JOURNAL_MAX_BYTES = 1024 ** 3;
const CHUNK_BYTES = 256 * 1024;
const MAX_VALUES = 8_000_000;
const NEWLINE = 0x0a;

/** Entries of a journal file, and where the last whole one ends. */
export interface JournalPage {
  readonly entries: readonly JournalEntry[];
  readonly end: number;
}

/**
 * Reads whole lines from an offset on. What follows the last line feed is not told: it is being written, or was cut.
 *
 * @throws OtaError STORE_DAMAGED: a line is no entry; LIMIT_EXCEEDED
 */
export function* readJournalFile(file: DurableFile, name: string, from = 0): Generator<JournalPage> {
  if (file.size > JOURNAL_MAX_BYTES) {
    throw new OtaError('LIMIT_EXCEEDED', `${name}: has ${file.size} bytes, at most ${JOURNAL_MAX_BYTES} are read`);
  }
  let rest: Uint8Array = new Uint8Array(0);
  let end = from;
  for (let at = from; at < file.size; ) {
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, file.size - at));
    const got = file.read(chunk, at);
    if (got === 0) return; // it was cut meanwhile
    at += got;
    const bytes = Buffer.concat([rest, chunk.subarray(0, got)]);
    const entries: JournalEntry[] = [];
    let start = 0;
    for (let feed = bytes.indexOf(NEWLINE); feed >= 0; feed = bytes.indexOf(NEWLINE, start)) {
      entries.push(parseEntry(bytes.subarray(start, feed), name));
      start = feed + 1;
    }
    rest = bytes.subarray(start);
    if (rest.byteLength > JOURNAL_ENTRY_MAX_BYTES) {
      throw damagedJournal(`a line of ${name} is longer than ${JOURNAL_ENTRY_MAX_BYTES} bytes`);
    }
    end += start;
    if (entries.length > 0) yield { entries, end };
  }
}

function parseEntry(line: Uint8Array, name: string): JournalEntry {
  try {
    const limits = { name, maxBytes: JOURNAL_ENTRY_MAX_BYTES, maxValues: MAX_VALUES };
    return checkSchema(journalEntry, parseStrictJson(line, limits), { code: 'STORE_DAMAGED', name });
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    throw damagedJournal(`a line of ${name} is no entry: ${error.message}`);
  }
}
