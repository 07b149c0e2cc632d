import { join } from 'node:path';
import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import { filterBytes } from './fingerprint-filter.js';
import { createGenerationLog, type GenerationLog, type LogContext } from './generation-log.js';
import { KeyTable } from './key-table.js';
import { frameBytes, MAX_DATA_BYTES } from './log-frame.js';
import { type ScannedLog, type ScannedStore, scanStore } from './scan-store.js';
import { sealGeneration } from './seal-generation.js';
import { openSealer, type Sealer } from './sealer.js';
import type { Segment } from './segment.js';
import { segmentBytes } from './segment-layout.js';
import type {
  Checkpoint,
  CheckpointRecord,
  DamagedBlock,
  DedupeStore,
  KeyBatch,
  Sighting,
  StoreOptions,
  StoreStats,
} from './store.js';
import { parseStoreFileName, segmentName } from './store-names.js';
import { WindowIndex } from './window-index.js';
import { MAX_GENERATIONS, planWindow, type WindowPlan } from './window-plan.js';

/** Room in a table beyond a full generation: for what is judged while its last commit waits. */
const TABLE_SLACK = 1.25;
/** A generation so many times as large as planned waits for the one before it to be sealed. */
const MAX_OVERFILL = 2;

/**
 * Opens the store in a folder, or begins one there. The caller holds the lock.
 *
 * A half-written end, which a crash may leave, is cut off.
 *
 * @throws OtaError STORE_DAMAGED for any other damage, unless it is accepted; STORE_MISMATCH for another format or
 *   other digests; LIMIT_EXCEEDED for a window that the memory does not hold; NO_SPACE, IO_FAILED, …
 */
export async function openDedupeStore(directory: string, options: StoreOptions): Promise<DedupeStore> {
  const plan = planWindow(options.window, options.digestBytes, options.memoryBytes);
  await options.fs.makeDirectory(directory);
  const store = new GenerationStore(directory, options, plan);
  await store.load();
  return store;
}

class GenerationStore implements DedupeStore {
  readonly #context: LogContext;
  readonly #options: StoreOptions;
  readonly #plan: WindowPlan;
  readonly #sealer: Sealer;
  readonly #positions = new WeakMap<Checkpoint, { generation: number; end?: number }>();
  #index!: WindowIndex;
  /** Sealed generations, the oldest first. */
  #segments: Segment[] = [];
  /** Full, and on its way to become a segment. */
  #sealing: GenerationLog | undefined;
  #active!: GenerationLog;
  #oldestGeneration = 1;
  #unreadable: readonly number[] = [];
  #damage: DamagedBlock[] = [];
  #spareTable: KeyTable | undefined;
  /** Work on sealed generations that commits do not wait for. Never rejects: failures are kept. */
  #housekeeping: Promise<void> = Promise.resolve();
  #failure: unknown;
  #isBusy = false;

  constructor(directory: string, options: StoreOptions, plan: WindowPlan) {
    const { fs, digestBytes } = options;
    this.#context = { fs, directory, digestBytes };
    this.#options = options;
    this.#plan = plan;
    this.#sealer = openSealer(options.sealing);
  }

  seenOrInsert(batch: KeyBatch, verdicts = new Uint8Array(batch.count)): Uint8Array {
    this.#throwIfFailed();
    if ((batch.digests !== undefined) !== this.#options.digestBytes > 0)
      throw new Error('digests do not fit the store');
    try {
      this.#index.judge(batch, verdicts);
    } catch (error) {
      this.#failure = error; // some of the batch is inserted: nobody could tell which of it came out
      throw error;
    }
    return verdicts;
  }

  async commit(checkpoint: CheckpointRecord): Promise<void> {
    if (checkpoint.data.byteLength > MAX_DATA_BYTES) throw new RangeError('checkpoint data is too long');
    await this.#exclusively(async () => {
      const log = this.#active;
      const to = log.table.count;
      const isFull = to >= this.#generationKeys() && this.#sealing === undefined;
      // At once, so that what is judged while the disk works belongs to the next generation.
      const nextTable = isFull ? this.#beginTable(log.generation + 1) : undefined;
      await this.#makeRoom(log, to, checkpoint);
      await log.append(to, checkpoint, this.#oldestGeneration);
      if (nextTable !== undefined) await this.#beginGeneration(nextTable);
      else if (log.bytes > this.#plan.maxLogBytes) await this.#shorten(log);
      if (this.#options.sealing === 'inline' || this.#active.table.count >= MAX_OVERFILL * this.#plan.generationKeys) {
        await this.#housekeeping;
        this.#throwIfFailed();
      }
    });
  }

  *checkpoints(): Iterable<Checkpoint> {
    const { generation } = this.#active;
    for (const { checkpoint, end } of this.#active.checkpoints()) {
      this.#positions.set(checkpoint, { generation, end });
      yield checkpoint;
    }
    if (this.#sealing !== undefined) yield* this.#startOf(this.#sealing.generation, this.#sealing.first);
    for (const { header } of this.#segments.toReversed()) yield* this.#startOf(header.generation, header.first);
  }

  async rollBackTo(checkpoint: Checkpoint): Promise<void> {
    const position = this.#positions.get(checkpoint);
    if (position === undefined) throw new Error('not a checkpoint of this store');
    await this.#exclusively(async () => {
      await this.#settled();
      const { generation, end } = position;
      if (end !== undefined) {
        if (generation !== this.#active.generation) throw new Error('the checkpoint was given up meanwhile');
        await this.#active.rollBack(end, this.#oldestGeneration);
      } else {
        await this.#removeFrom(generation, checkpoint);
      }
      await this.#closeFiles();
      await this.load();
    });
  }

  find(key: Uint32Array): Sighting | undefined {
    this.#throwIfFailed();
    const found = this.#index.find(key);
    if (found === undefined) return undefined;
    const digest = found.digest.length > 0 ? { digest: new Uint8Array(found.digest.buffer) } : {};
    return { generation: found.generation, ...this.#timesOf(found.generation), ...digest };
  }

  async age(keys: number): Promise<number> {
    return await this.#exclusively(async () => {
      await this.#settled();
      const aged = this.#surplus(keys);
      if (aged.length === 0) return 0;
      this.#oldestGeneration = aged.at(-1)!.header.generation + 1;
      await this.#active.append(this.#active.committed, this.#active.last, this.#oldestGeneration);
      await this.#remove(aged);
      return aged.reduce((sum, { keyCount }) => sum + keyCount, 0);
    });
  }

  async seal(): Promise<void> {
    await this.#exclusively(async () => {
      await this.#settled();
      const { table, committed, generation } = this.#active;
      if (table.count > committed) throw new Error('keys that are not committed cannot be sealed');
      // A few keys each time would use up the tags of generations.
      if (committed === 0 || this.#segments.length > MAX_GENERATIONS / 2) return;
      await this.#beginGeneration(this.#beginTable(generation + 1));
      await this.#settled();
    });
  }

  stats(): StoreStats {
    const segments = this.#segments;
    const logs = this.#sealing === undefined ? [this.#active] : [this.#sealing, this.#active];
    const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);
    const oldestTimeMs = segments[0] === undefined ? logs[0]!.firstTimeMs : segments[0].header.firstTimeMs;
    const newestTimeMs = this.#active.last?.eventTimeMs;
    const { table, committed, insertedKeys } = this.#active;
    return {
      keys: sum([...segments.map(({ keyCount }) => keyCount), ...logs.map((log) => log.table.count)]),
      insertedKeys: insertedKeys + table.count - committed,
      generations: segments.length + logs.length,
      window: this.#options.window,
      agedGenerations: this.#oldestGeneration - 1,
      diskBytes: this.#diskBytes(),
      memoryBytes: sum([
        this.#index.filterBytes,
        this.#spareTable?.byteLength ?? 0,
        ...logs.map((log) => log.table.byteLength),
        ...segments.map(({ memoryBytes }) => memoryBytes),
      ]),
      filter: { kind: '16-bit fingerprints', bytes: this.#index.filterBytes },
      ...(oldestTimeMs === undefined ? {} : { oldestTimeMs }),
      ...(newestTimeMs === undefined ? {} : { newestTimeMs }),
      damage: this.#damage,
    };
  }

  async close(): Promise<void> {
    await this.#housekeeping;
    await this.#sealer.close();
    await this.#closeFiles();
  }

  /** Reads what lies in the folder and goes on with it. */
  async load(): Promise<void> {
    const scanned = await scanStore(this.#context, this.#tableKeys(), 'append');
    const opened = [...scanned.segments, ...scanned.logs.map(({ log }) => log)];
    try {
      await this.#adopt(scanned, opened);
    } catch (error) {
      await Promise.allSettled(opened.map((file) => file.close()));
      throw error;
    }
  }

  /** @param opened gets what is opened meanwhile, to be closed after a failure */
  async #adopt(
    { segments, logs, leftovers, ...scanned }: ScannedStore,
    opened: { close(): Promise<void> }[],
  ): Promise<void> {
    const { fs, directory } = this.#context;
    const damage = [...scanned.damage];
    const isUnsealed = scanned.newestGeneration === logs.at(-1)?.log.generation;
    const older = isUnsealed ? logs.slice(0, -1) : logs;
    const held =
      segments.reduce((sum, { keyCount }) => sum + keyCount, 0) +
      logs.reduce((sum, { log }) => sum + log.table.count, 0);
    const index = new WindowIndex(filterBytes(Math.max(held, this.#plan.maxKeys), this.#plan.keysPerLine));
    throwIfDamaged(directory, damage, this.#options);
    // A process that was killed may have left names in the cache only, and files: what is built on them would go with them.
    await fs.syncDirectory(directory);
    const sealed = [...segments];
    // One at a time: two full tables would not fit into one.
    for (const { log } of older) {
      const segment = await sealGeneration(this.#context, this.#sealer, log);
      sealed.push(segment);
      opened.push(segment);
      await log.remove();
    }
    sealed.sort((a, b) => a.header.generation - b.header.generation);
    damage.push(...index.addSegments(sealed));
    throwIfDamaged(directory, damage, this.#options);
    this.#oldestGeneration = Math.max(1, scanned.oldestGeneration);
    this.#active = await this.#newestLog(isUnsealed ? logs.at(-1) : undefined, sealed.at(-1), scanned.newestGeneration);
    opened.push(this.#active);
    for (const name of leftovers) await fs.remove(join(directory, name));
    index.addTable(this.#active.generation, this.#active.table);
    this.#index = index;
    this.#segments = sealed;
    this.#unreadable = scanned.unreadable;
    this.#damage = damage;
  }

  /** The log to go on with: a new one in a new store, and where a crash or a rollback left none. */
  async #newestLog(found: ScannedLog | undefined, last: Segment | undefined, newest: number): Promise<GenerationLog> {
    if (found !== undefined && found.scan.end > 0) {
      if (found.scan.tornBytes > 0) await found.log.cutBack(found.scan.end);
      else await found.log.sync();
      return found.log;
    }
    await found?.log.close();
    const start = {
      generation: found?.log.generation ?? newest + 1,
      table: new KeyTable(this.#tableKeys(), this.#options.digestBytes > 0),
      first: last?.header.last,
      insertedBefore: last?.header.insertedKeys ?? 0,
    };
    return await createGenerationLog(this.#context, start, this.#oldestGeneration);
  }

  #beginTable(generation: number): KeyTable {
    const table = this.#spareTable ?? new KeyTable(this.#tableKeys(), this.#options.digestBytes > 0);
    this.#spareTable = undefined;
    this.#index.addTable(generation, table);
    return table;
  }

  /** Closes the generation, begins the next one, and lets go of what the window no longer holds. */
  async #beginGeneration(table: KeyTable): Promise<void> {
    const closed = this.#active;
    const aged = this.#surplus();
    this.#oldestGeneration = aged.length === 0 ? this.#oldestGeneration : aged.at(-1)!.header.generation + 1;
    const { generation, last, insertedKeys } = closed;
    const start = { generation: generation + 1, table, first: last, insertedBefore: insertedKeys };
    this.#active = await createGenerationLog(this.#context, start, this.#oldestGeneration);
    this.#sealing = closed;
    this.#housekeeping = this.#seal(closed, aged).catch((error: unknown) => {
      this.#failure ??= error;
    });
  }

  async #seal(log: GenerationLog, aged: readonly Segment[]): Promise<void> {
    await this.#remove(aged);
    const segment = await sealGeneration(this.#context, this.#sealer, log);
    this.#segments.push(segment);
    this.#index.replaceTable(segment);
    this.#sealing = undefined;
    await log.remove();
    log.table.clear();
    // One that had to grow is given back.
    if (log.table.capacity === this.#tableKeys()) this.#spareTable = log.table;
  }

  /** The oldest generations, which the window can do without. */
  #surplus(windowKeys?: number): Segment[] {
    const { window } = this.#options;
    const closing = this.#active;
    let keys = this.#segments.reduce((sum, { keyCount }) => sum + keyCount, closing.committed);
    let bytes = this.#diskBytes() + segmentBytes(closing.committed, this.#options.digestBytes) + this.#plan.maxLogBytes;
    let count = 0;
    for (const segment of this.#segments) {
      keys -= segment.keyCount;
      const least = windowKeys ?? ('keys' in window ? window.keys : undefined);
      if (least === undefined ? 'bytes' in window && bytes <= window.bytes : keys < least) break;
      bytes -= segment.file.size;
      count++;
    }
    return this.#segments.slice(0, count);
  }

  /** Forgets these generations, which are the oldest; the log says already that they do not count. */
  async #remove(aged: readonly Segment[]): Promise<void> {
    const { fs, directory } = this.#context;
    this.#segments.splice(0, aged.length);
    for (const { header } of aged) this.#index.drop(header.generation);
    for (const segment of aged) {
      await segment.close();
      await fs.remove(join(directory, segmentName(segment.header.generation)));
    }
    const isLeft = (generation: number) => generation >= this.#oldestGeneration;
    for (const generation of this.#unreadable.filter((one) => !isLeft(one))) {
      await fs.remove(join(directory, segmentName(generation)));
    }
    this.#unreadable = this.#unreadable.filter(isLeft);
    this.#damage = this.#damage.filter(({ file }) => isLeft(parseStoreFileName(file)!.generation));
  }

  /** Keeps a window of bytes although this commit is large. */
  async #makeRoom(log: GenerationLog, to: number, { data }: CheckpointRecord): Promise<void> {
    const { window, digestBytes } = this.#options;
    if (!('bytes' in window)) return;
    const frame = frameBytes({ keyCount: to - log.committed, digestBytes, dataBytes: data.byteLength });
    let missing = this.#diskBytes() + frame - window.bytes;
    let count = 0;
    for (; missing > 0 && count < this.#segments.length; count++) missing -= this.#segments[count]!.file.size;
    if (missing > 0) {
      throw new OtaError(
        'LIMIT_EXCEEDED',
        `the window of ${window.bytes} bytes cannot hold a commit of ${frame} bytes`,
        ['Choose a larger window, or commit smaller batches.'],
      );
    }
    if (count === 0) return;
    this.#oldestGeneration = this.#segments[count - 1]!.header.generation + 1;
    await log.append(log.committed, log.last, this.#oldestGeneration);
    await this.#remove(this.#segments.slice(0, count));
  }

  /** A log may be long without many keys: full of positions at which nothing was new. */
  async #shorten(log: GenerationLog): Promise<void> {
    const keyBytes = log.committed * (16 + this.#options.digestBytes);
    if (log.bytes > keyBytes + this.#plan.maxLogBytes / 4) await log.rewrite(this.#oldestGeneration);
  }

  /**
   * Begins a generation anew and removes all newer ones, the newest first. Its new log stands before its segment
   * goes: there is no moment at which a crash leaves less than was asked for.
   */
  async #removeFrom(generation: number, first: Checkpoint): Promise<void> {
    const { fs, directory } = this.#context;
    const table = new KeyTable(this.#tableKeys(), this.#options.digestBytes > 0);
    const start = { generation, table, first, insertedBefore: first.insertedKeys };
    const log = await createGenerationLog(this.#context, start, this.#oldestGeneration);
    const newest = this.#active.generation;
    await this.#active.remove();
    this.#active = log;
    await fs.syncDirectory(directory);
    for (let removed = newest - 1; removed >= generation; removed--) {
      const segment = this.#segments.at(-1);
      if (segment?.header.generation === removed) await this.#segments.pop()!.close();
      await fs.remove(join(directory, segmentName(removed)));
      await fs.syncDirectory(directory);
    }
  }

  *#startOf(generation: number, first: Checkpoint | undefined): Iterable<Checkpoint> {
    if (first === undefined) return;
    this.#positions.set(first, { generation });
    yield first;
  }

  #timesOf(generation: number): { firstTimeMs?: number; lastTimeMs?: number } {
    const log = [this.#active, this.#sealing].find((one) => one?.generation === generation);
    const segment = this.#segments.find(({ header }) => header.generation === generation);
    const firstTimeMs = log === undefined ? segment?.header.firstTimeMs : log.firstTimeMs;
    const lastTimeMs = log === undefined ? segment?.header.lastTimeMs : log.last?.eventTimeMs;
    return {
      ...(firstTimeMs === undefined ? {} : { firstTimeMs }),
      ...(lastTimeMs === undefined ? {} : { lastTimeMs }),
    };
  }

  /** Larger than planned where the window was made larger and many small generations hold tags already. */
  #generationKeys(): number {
    const { window } = this.#options;
    const { generationKeys } = this.#plan;
    const generations = this.#segments.length + 1;
    if (!('keys' in window) || generations < MAX_GENERATIONS / 2) return generationKeys;
    const held = this.#segments.reduce((sum, { keyCount }) => sum + keyCount, 0);
    return Math.max(generationKeys, Math.ceil((window.keys - held) / Math.max(1, MAX_GENERATIONS - generations)));
  }

  #tableKeys(): number {
    return Math.ceil(this.#plan.generationKeys * TABLE_SLACK);
  }

  #diskBytes(): number {
    const logs = this.#active.bytes + (this.#sealing?.bytes ?? 0);
    return this.#segments.reduce((sum, { file }) => sum + file.size, logs);
  }

  async #closeFiles(): Promise<void> {
    const files = [...this.#segments, this.#active, ...(this.#sealing === undefined ? [] : [this.#sealing])];
    await Promise.all(files.map((file) => file.close()));
  }

  async #settled(): Promise<void> {
    await this.#housekeeping;
    this.#throwIfFailed();
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    this.#throwIfFailed();
    if (this.#isBusy) throw new Error('the store is busy: one commit at a time');
    this.#isBusy = true;
    try {
      return await work();
    } catch (error) {
      this.#failure ??= error;
      throw error;
    } finally {
      this.#isBusy = false;
    }
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function throwIfDamaged(directory: string, damage: readonly DamagedBlock[], { acceptDamage }: StoreOptions): void {
  const [first] = damage;
  if (first === undefined || acceptDamage) return;
  const more = damage.length > 1 ? ` and ${damage.length - 1} more places` : '';
  throw new OtaError(
    'STORE_DAMAGED',
    `${escapeText(join(directory, first.file))}: ${first.cause}, ${first.bytes} bytes from ${first.offset}${more}`,
    ['Run `fleet dedupe verify` to see what is lost.', 'Restore a snapshot, or serve the rest with --accept-damage.'],
  );
}
