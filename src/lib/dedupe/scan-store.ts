import { join } from 'node:path';
import type { DurableFile } from '../core/durable-fs.js';
import { OtaError } from '../core/errors.js';
import { checkpointOf, GenerationLog, type LogContext } from './generation-log.js';
import { KeyTable } from './key-table.js';
import { type LogScan, scanLog } from './scan-log.js';
import { readSegment, type Segment } from './segment.js';
import type { DamagedBlock } from './store.js';
import { logName, parseStoreFileName, segmentName } from './store-names.js';

export interface ScannedLog {
  readonly log: GenerationLog;
  readonly scan: LogScan;
}

/** What lies in a store's folder. Nothing was changed. */
export interface ScannedStore {
  /** Sealed generations from the oldest to the newest one; their records are not checked yet. */
  readonly segments: readonly Segment[];
  /** Generations that are not sealed, with all their keys, from the oldest to the newest one. */
  readonly logs: readonly ScannedLog[];
  /** The oldest generation that counts. */
  readonly oldestGeneration: number;
  /** The newest one of which there is a file; 0 in a new store. */
  readonly newestGeneration: number;
  /** Sealed generations whose file cannot be read at all. */
  readonly unreadable: readonly number[];
  /** Files that a crash left behind: not complete, replaced, or older than the window. */
  readonly leftovers: readonly string[];
  readonly damage: readonly DamagedBlock[];
}

/**
 * Reads the folder of a store: headers and directories of segments, and all of the logs.
 *
 * @param tableKeys keys to make room for in each table
 * @param mode how logs are opened: a store that goes on with them appends
 * @throws OtaError STORE_MISMATCH for another format, or other digests than were asked for; IO_FAILED, …
 */
export async function scanStore(
  context: LogContext,
  tableKeys: number,
  mode: 'read' | 'append',
): Promise<ScannedStore> {
  const scanner = new StoreScanner(context, tableKeys, mode);
  try {
    return await scanner.scan();
  } catch (error) {
    await scanner.closeAll();
    throw error;
  }
}

class StoreScanner {
  readonly #context: LogContext;
  readonly #tableKeys: number;
  readonly #mode: 'read' | 'append';
  readonly #files: DurableFile[] = [];
  readonly #segments = new Map<number, Segment>();
  readonly #logs = new Map<number, ScannedLog>();
  readonly #unreadable: number[] = [];
  readonly #leftovers: string[] = [];
  readonly #damage: DamagedBlock[] = [];
  #oldest = 0;

  constructor(context: LogContext, tableKeys: number, mode: 'read' | 'append') {
    this.#context = context;
    this.#tableKeys = tableKeys;
    this.#mode = mode;
  }

  async scan(): Promise<ScannedStore> {
    const files = (await this.#context.fs.list(this.#context.directory)).map((name) => ({
      name,
      ...parseStoreFileName(name),
    }));
    this.#leftovers.push(...files.filter(({ kind }) => kind === 'aside').map(({ name }) => name));
    const generationsOf = (kind: string) =>
      files.filter((file) => file.kind === kind).map(({ generation }) => generation!);
    const segments = generationsOf('segment').sort((a, b) => a - b);
    const logs = generationsOf('log').sort((a, b) => a - b);
    const newestGeneration = Math.max(0, ...segments, ...logs);
    // From the newest one, which says where the window begins.
    for (const generation of logs.toReversed()) await this.#readLog(generation);
    for (const generation of segments) await this.#readSegment(generation);
    for (const generation of logs) await this.#checkLog(generation, newestGeneration);
    const oldestGeneration = this.#oldest || Math.min(...segments, ...logs, newestGeneration);
    this.#reportMissing(oldestGeneration, newestGeneration);
    return {
      segments: [...this.#segments.values()],
      logs: [...this.#logs.values()].reverse(),
      oldestGeneration,
      newestGeneration,
      unreadable: this.#unreadable,
      leftovers: this.#leftovers,
      damage: this.#damage,
    };
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.#files.map((file) => file.close().catch(() => {})));
  }

  async #readLog(generation: number): Promise<void> {
    const { fs, directory, digestBytes } = this.#context;
    const name = logName(generation);
    if (generation < this.#oldest) {
      this.#leftovers.push(name);
      return;
    }
    const file = this.#opened(await fs.open(join(directory, name), this.#mode));
    const table = new KeyTable(this.#tableKeys, digestBytes > 0);
    let log: GenerationLog | undefined;
    const scan = scanLog(file, { file: name, generation }, (frame) => {
      const { header, keys, digests } = frame;
      if (header.digestBytes !== digestBytes) throw otherDigests(header.digestBytes, digestBytes);
      this.#oldest = Math.max(this.#oldest, header.oldestGeneration);
      if (log === undefined) {
        const isStart = header.number === 0 && header.dataBytes !== undefined;
        const first = isStart ? checkpointOf(header, readData(file, frame.end, header.dataBytes)) : undefined;
        const insertedBefore = header.insertedKeys - header.keyCount;
        log = new GenerationLog(this.#context, file, { generation, table, first, insertedBefore });
      }
      log.adopt(frame);
      for (let key = 0; key < header.keyCount; key++) {
        const [at, digestAt] = [key * 4, key * 2];
        table.add(keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!, digests[digestAt]!, digests[digestAt + 1]!);
      }
    });
    log ??= new GenerationLog(this.#context, file, { generation, table, first: undefined, insertedBefore: 0 });
    this.#logs.set(generation, { log, scan });
  }

  async #readSegment(generation: number): Promise<void> {
    const { fs, directory, digestBytes } = this.#context;
    const name = segmentName(generation);
    if (generation < this.#oldest) {
      this.#leftovers.push(name);
      return;
    }
    const file = this.#opened(await fs.open(join(directory, name), 'read'));
    const segment = readSegment(file, generation);
    if (typeof segment !== 'string') {
      const got = segment.header.layout.digestBytes;
      if (got !== digestBytes) throw otherDigests(got, digestBytes);
      this.#segments.set(generation, segment);
      return;
    }
    await file.close();
    // Not yet removed when it was damaged: its log says the same.
    if (this.#logs.has(generation)) return;
    this.#unreadable.push(generation);
    this.#damage.push({ file: name, offset: 0, bytes: file.size, cause: segment });
  }

  /** A log counts only until its generation is sealed; a half-written end is what a crash may leave in the newest one. */
  async #checkLog(generation: number, newest: number): Promise<void> {
    const scanned = this.#logs.get(generation);
    if (scanned === undefined) return;
    if (this.#segments.has(generation)) {
      this.#leftovers.push(logName(generation));
      this.#logs.delete(generation);
      await scanned.log.close();
      return;
    }
    const { end, tornBytes, damage } = scanned.scan;
    this.#damage.push(...damage);
    if (tornBytes === 0 || generation === newest) return;
    this.#damage.push({ file: logName(generation), offset: end, bytes: tornBytes, cause: 'the checksum is wrong' });
  }

  #reportMissing(oldest: number, newest: number): void {
    for (let generation = Math.max(1, oldest); generation <= newest; generation++) {
      const isThere = this.#segments.has(generation) || this.#logs.has(generation);
      if (isThere || this.#unreadable.includes(generation)) continue;
      this.#damage.push({ file: segmentName(generation), offset: 0, bytes: 0, cause: 'the file is missing' });
    }
  }

  #opened(file: DurableFile): DurableFile {
    this.#files.push(file);
    return file;
  }
}

/** The checkpoint data at the end of a frame. */
function readData(file: DurableFile, end: number, bytes: number | undefined): Uint8Array {
  const data = new Uint8Array(bytes ?? 0);
  file.read(data, end - data.length);
  return data;
}

function otherDigests(got: number, expected: number): OtaError {
  return new OtaError('STORE_MISMATCH', `the dedupe store keeps ${got} bytes of payload digest, expected ${expected}`, [
    'Payload digests are chosen when a store is made: use the same choice, or another store.',
  ]);
}
