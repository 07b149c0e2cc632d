import { beyondKeys, beyondWindow, fullGenerationKeys, inTheWayOf } from './ageing.js';
import { createGenerationLog, type GenerationLog } from './generation-log.js';
import { type Generations, newTable, tableKeys } from './generations.js';
import type { KeyTable } from './key-table.js';
import { frameBytes, MAX_DATA_BYTES } from './log-frame.js';
import { type Opening, openGenerations } from './open-generations.js';
import { RollbackPoints, rollBack } from './roll-back.js';
import { sealGeneration } from './seal-generation.js';
import { openSealer } from './sealer.js';
import type { Segment } from './segment.js';
import type {
  Checkpoint,
  CheckpointRecord,
  DedupeStore,
  KeyBatch,
  Sighting,
  StoreOptions,
  StoreStats,
} from './store.js';
import { MAX_GENERATIONS, planWindow } from './window-plan.js';

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
  const { fs, digestBytes } = options;
  const plan = planWindow(options);
  await fs.makeDirectory(directory);
  const sealer = openSealer(options.sealing);
  try {
    const opening = { context: { fs, directory, digestBytes }, options, plan, sealer };
    return new GenerationStore(opening, await openGenerations(opening));
  } catch (error) {
    await sealer.close();
    throw error;
  }
}

class GenerationStore implements DedupeStore {
  readonly #opening: Opening;
  readonly #rollbackPoints = new RollbackPoints();
  #generations: Generations;
  #spareTable: KeyTable | undefined;
  /** Work on sealed generations that commits do not wait for. Never rejects: failures are kept. */
  #housekeeping: Promise<void> = Promise.resolve();
  #failure: unknown;
  #isBusy = false;

  constructor(opening: Opening, generations: Generations) {
    this.#opening = opening;
    this.#generations = generations;
  }

  seenOrInsert(batch: KeyBatch, verdicts = new Uint8Array(batch.count)): Uint8Array {
    this.#throwIfFailed();
    if ((batch.digests !== undefined) !== this.#opening.options.digestBytes > 0) {
      throw new Error('digests do not fit the store');
    }
    try {
      this.#generations.index.judge(batch, verdicts);
    } catch (error) {
      this.#failure = error; // some of the batch is inserted: nobody could tell which of it came out
      throw error;
    }
    return verdicts;
  }

  async commit(checkpoint: CheckpointRecord): Promise<void> {
    if (checkpoint.data.byteLength > MAX_DATA_BYTES) throw new RangeError('checkpoint data is too long');
    await this.#exclusively(async () => {
      const generations = this.#generations;
      const { options, plan } = this.#opening;
      const log = generations.active;
      const to = log.table.count;
      const isFull = to >= fullGenerationKeys(generations, options.window, plan) && generations.sealing === undefined;
      // At once, so that what is judged while the disk works belongs to the next generation.
      const nextTable = isFull ? this.#beginTable(log.generation + 1) : undefined;
      await this.#makeRoom(log, to, checkpoint);
      await log.append(to, checkpoint, generations.oldest);
      if (nextTable !== undefined) await this.#beginGeneration(nextTable);
      else if (log.bytes > plan.maxLogBytes) await this.#shorten(log);
      if (options.sealing === 'inline' || generations.active.table.count >= MAX_OVERFILL * plan.generationKeys) {
        await this.#settled();
      }
    });
  }

  checkpoints(): Iterable<Checkpoint> {
    return this.#rollbackPoints.of(this.#generations);
  }

  async rollBackTo(checkpoint: Checkpoint): Promise<void> {
    const position = this.#rollbackPoints.positionOf(checkpoint);
    await this.#exclusively(async () => {
      await this.#settled();
      const { context, plan } = this.#opening;
      await rollBack(context, plan, this.#generations, position, checkpoint);
      await this.#generations.closeFiles();
      this.#generations = await openGenerations(this.#opening);
    });
  }

  find(key: Uint32Array): Sighting | undefined {
    this.#throwIfFailed();
    const found = this.#generations.index.find(key);
    if (found === undefined) return undefined;
    const digest = found.digest.length > 0 ? { digest: new Uint8Array(found.digest.buffer) } : {};
    return { generation: found.generation, ...this.#generations.timesOf(found.generation), ...digest };
  }

  async age(keys: number): Promise<number> {
    return await this.#exclusively(async () => {
      await this.#settled();
      const aged = beyondKeys(this.#generations, keys);
      await this.#drop(aged);
      return aged.reduce((sum, { keyCount }) => sum + keyCount, 0);
    });
  }

  async seal(): Promise<void> {
    await this.#exclusively(async () => {
      await this.#settled();
      const { active, segments } = this.#generations;
      if (active.table.count > active.committed) throw new Error('keys that are not committed cannot be sealed');
      // A few keys each time would use up the tags of generations.
      if (active.committed === 0 || segments.length > MAX_GENERATIONS / 2) return;
      await this.#beginGeneration(this.#beginTable(active.generation + 1));
      await this.#settled();
    });
  }

  stats(): StoreStats {
    const { index, segments, logs, active, oldest, keys, diskBytes, memoryBytes, oldestTimeMs, damage } =
      this.#generations;
    const newestTimeMs = active.last?.eventTimeMs;
    return {
      keys,
      insertedKeys: active.insertedKeys + active.table.count - active.committed,
      generations: segments.length + logs.length,
      window: this.#opening.options.window,
      agedGenerations: oldest - 1,
      diskBytes,
      memoryBytes: memoryBytes + (this.#spareTable?.byteLength ?? 0),
      filter: { kind: '16-bit fingerprints', bytes: index.filterBytes },
      ...(oldestTimeMs === undefined ? {} : { oldestTimeMs }),
      ...(newestTimeMs === undefined ? {} : { newestTimeMs }),
      damage,
    };
  }

  async close(): Promise<void> {
    await this.#housekeeping;
    await this.#opening.sealer.close();
    await this.#generations.closeFiles();
  }

  #beginTable(generation: number): KeyTable {
    const table = this.#spareTable ?? newTable(this.#opening.plan, this.#opening.context);
    this.#spareTable = undefined;
    this.#generations.index.addTable(generation, table);
    return table;
  }

  /** Closes the generation, begins the next one, and lets go of what the window no longer holds. */
  async #beginGeneration(table: KeyTable): Promise<void> {
    const { context, options, plan } = this.#opening;
    const generations = this.#generations;
    const closed = generations.active;
    const aged = beyondWindow(generations, options.window, plan, options.digestBytes);
    generations.oldest = (aged.at(-1)?.header.generation ?? generations.oldest - 1) + 1;
    const { generation, last, insertedKeys } = closed;
    const start = { generation: generation + 1, table, first: last, insertedBefore: insertedKeys };
    generations.active = await createGenerationLog(context, start, generations.oldest);
    generations.sealing = closed;
    this.#housekeeping = this.#seal(closed, aged).catch((error: unknown) => {
      this.#failure ??= error;
    });
  }

  async #seal(log: GenerationLog, aged: readonly Segment[]): Promise<void> {
    const { context, sealer, plan } = this.#opening;
    const generations = this.#generations;
    await generations.forget(aged);
    const segment = await sealGeneration(context, sealer, log);
    generations.segments.push(segment);
    generations.index.replaceTable(segment);
    generations.sealing = undefined;
    await log.remove();
    log.table.clear();
    // One that had to grow is given back.
    if (log.table.capacity === tableKeys(plan)) this.#spareTable = log.table;
  }

  /** Keeps a window of bytes although this commit is large. */
  async #makeRoom(log: GenerationLog, to: number, { data }: CheckpointRecord): Promise<void> {
    const { window, digestBytes } = this.#opening.options;
    if (!('bytes' in window)) return;
    const frame = frameBytes({ keyCount: to - log.committed, digestBytes, dataBytes: data.byteLength });
    await this.#drop(inTheWayOf(frame, this.#generations, window.bytes), log);
  }

  /** Drops the oldest generations, once a frame says that they do not count. */
  async #drop(aged: readonly Segment[], log = this.#generations.active): Promise<void> {
    const newest = aged.at(-1);
    if (newest === undefined) return;
    this.#generations.oldest = newest.header.generation + 1;
    await log.append(log.committed, log.last, this.#generations.oldest);
    await this.#generations.forget(aged);
  }

  /** A log may be long without many keys: full of positions at which nothing was new. */
  async #shorten(log: GenerationLog): Promise<void> {
    const keyBytes = log.committed * (16 + this.#opening.options.digestBytes);
    if (log.bytes > keyBytes + this.#opening.plan.maxLogBytes / 4) await log.rewrite(this.#generations.oldest);
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
