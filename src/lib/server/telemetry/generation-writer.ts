import { mkdirSync, unlinkSync } from 'node:fs';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { ioError, systemCode } from '../../core/io-error.js';
import { isDamage, sqliteFailure } from '../database/sqlite-failure.js';
import type { DecodedTelemetry } from './decode-telemetry.js';
import { generationBytes, generationPath, listGenerations, openToWrite } from './generation-file.js';

/** The log is divided into so many files: it ages in steps of one of them. */
const GENERATIONS = 16;
const MAX_GENERATION_BYTES = 256 * 1024 * 1024;
/** No row takes less: what a damaged file held at most. Bytes. */
const LEAST_ROW_BYTES = 16;

/** Messages of one tenant that are to be written, by their index among the decoded ones. */
export interface Selection {
  readonly tenantId: number;
  readonly decoded: DecodedTelemetry;
  readonly selected: readonly number[];
}

/** The end of the log, where it grows. */
export class GenerationWriter {
  readonly #directory: string;
  readonly #maxBytes: number;
  readonly #generationBytes: number;
  #path = '';
  #file: DatabaseSync | undefined;
  #insert!: StatementSync;
  #arrive!: StatementSync;
  /** Of the newest message; 0 before the first one. */
  lastSeq = 0;
  /** A newest file that could not be gone on with. */
  damagedPath: string | undefined;

  /** @throws OtaError NO_SPACE, IO_FAILED, PERMISSION_DENIED */
  constructor(directory: string, maxBytes: number) {
    this.#directory = directory;
    this.#maxBytes = maxBytes;
    this.#generationBytes = Math.min(Math.ceil(maxBytes / GENERATIONS), MAX_GENERATION_BYTES);
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw ioError(error, directory);
    }
    const newest = listGenerations(directory).at(-1);
    try {
      this.#begin(newest?.firstSeq ?? 1);
    } catch (error) {
      if (newest === undefined || !isDamage(error)) throw sqliteFailure(error, this.#path);
      // What of it can be read is served; new messages go behind all that it can have held.
      this.damagedPath = newest.path;
      this.lastSeq = newest.firstSeq + Math.ceil(generationBytes(newest.path) / LEAST_ROW_BYTES);
      this.#begin(this.lastSeq + 1);
    }
  }

  /** Writes all of them in one transaction, which is durable when this returns, or none. */
  append(selections: readonly Selection[]): void {
    const first = this.lastSeq + 1;
    let seq = first;
    try {
      this.#file!.exec('begin');
      for (const { tenantId, decoded, selected } of selections) {
        const { messages, devices, times, types } = decoded;
        for (const index of selected) {
          const line = messages[index]!;
          this.#insert.run(seq++, tenantId, devices[index]!, times[index]!, types[index]!, crc32(line), line);
        }
      }
      if (seq > first) this.#arrive.run(first, selections[0]!.decoded.receivedAt);
      this.#file!.exec('commit');
    } catch (error) {
      throw sqliteFailure(error, this.#path);
    }
    this.lastSeq = seq - 1;
  }

  /** Begins another file where this one is full, and lets go of the oldest ones. To be called between transactions. */
  age(): void {
    if (generationBytes(this.#path) < this.#generationBytes) return;
    try {
      this.#file!.exec('pragma wal_checkpoint(truncate)');
      this.close();
      this.#begin(this.lastSeq + 1);
    } catch (error) {
      throw sqliteFailure(error, this.#path);
    }
    const generations = listGenerations(this.#directory).map(({ path }) => ({ path, bytes: generationBytes(path) }));
    let kept = generations.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { path, bytes } of generations.slice(0, -1)) {
      if (kept + this.#generationBytes <= this.#maxBytes) break;
      for (const name of [path, `${path}-wal`, `${path}-shm`]) removeFile(name);
      kept -= bytes;
    }
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #begin(firstSeq: number): void {
    this.#path = generationPath(this.#directory, firstSeq);
    this.#file = openToWrite(this.#path);
    const last = this.#file.prepare('select max(seq) as seq from message').get() as { seq: number | null };
    this.lastSeq = last.seq ?? firstSeq - 1;
    this.#insert = this.#file.prepare('insert into message values (?, ?, ?, ?, ?, ?, ?)');
    this.#arrive = this.#file.prepare('insert into arrival values (?, ?)');
  }
}

function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw ioError(error, path);
  }
}
