import { join } from 'node:path';
import type { DurableFile, DurableFs } from '../core/durable-fs.js';
import type { KeyTable } from './key-table.js';
import {
  decodeFrameHeader,
  encodeFrame,
  FRAME_HEADER_BYTES,
  type FrameContent,
  type FrameHeader,
} from './log-frame.js';
import type { ScannedFrame } from './scan-log.js';
import type { Checkpoint, CheckpointRecord } from './store.js';
import { asideName, logName } from './store-names.js';

/** What a log knows of the store around it. */
export interface LogContext {
  readonly fs: DurableFs;
  readonly directory: string;
  readonly digestBytes: 0 | 8;
}

/** A generation that is not sealed yet: its keys in memory, and the log that makes them durable. */
export class GenerationLog {
  readonly generation: number;
  readonly table: KeyTable;
  /** Where the generation begins: the checkpoint before it, if there was one. */
  readonly first: Checkpoint | undefined;
  /** Keys ever inserted before this generation. */
  readonly insertedBefore: number;
  readonly #context: LogContext;
  #file: DurableFile;
  /** Where each frame begins. */
  #starts: number[] = [];
  #nextNumber = 0;
  /** How many of the table's keys are in the log. */
  committed = 0;
  /** Keys ever inserted into the store, up to the last commit. More than the sum where frames were lost. */
  insertedKeys: number;
  firstTimeMs: number | undefined;
  /** The newest checkpoint. */
  last: Checkpoint | undefined;

  constructor(context: LogContext, file: DurableFile, start: LogStart) {
    this.#context = context;
    this.#file = file;
    this.generation = start.generation;
    this.table = start.table;
    this.first = start.first;
    this.insertedBefore = start.insertedBefore;
    this.insertedKeys = start.insertedBefore;
    this.last = start.first;
    this.firstTimeMs = start.first?.eventTimeMs;
  }

  get bytes(): number {
    return this.#file.size;
  }

  /** Counts a frame that is in the file already. */
  adopt({ header, start }: Pick<ScannedFrame, 'header' | 'start'>): void {
    this.#starts.push(start);
    this.#nextNumber = header.number + 1;
    this.committed += header.keyCount;
    this.insertedKeys = header.insertedKeys;
    this.firstTimeMs ??= header.eventTimeMs;
    this.last = this.#readCheckpoint(start) ?? this.last;
  }

  /** Adds the keys up to this one with a checkpoint, and makes them durable. */
  async append(to: number, checkpoint: CheckpointRecord | undefined, oldestGeneration: number): Promise<void> {
    const start = this.#file.size;
    const insertedKeys = this.insertedKeys + to - this.committed;
    const number = this.#nextNumber;
    await this.#file.append(
      this.#frame({ number, from: this.committed, to, checkpoint, oldestGeneration, insertedKeys }),
    );
    await this.#file.sync();
    this.#starts.push(start);
    this.#nextNumber++;
    this.committed = to;
    this.insertedKeys = insertedKeys;
    if (checkpoint === undefined) return;
    this.last = { ...checkpoint, insertedKeys };
    this.firstTimeMs ??= checkpoint.eventTimeMs;
  }

  /** Writes the log anew with all its keys in one frame: checkpoints in between are given up. */
  async rewrite(oldestGeneration: number): Promise<void> {
    const { first, last, insertedBefore, insertedKeys } = this;
    const context = { from: 0, oldestGeneration };
    const start = this.#frame({ ...context, number: 0, to: 0, checkpoint: first, insertedKeys: insertedBefore });
    const merged = this.#frame({ ...context, number: 1, to: this.committed, checkpoint: last, insertedKeys });
    await this.#replace([...start, ...merged]);
    this.#starts = [0, byteSum(start)];
    this.#nextNumber = 2;
  }

  /** All of the file or nothing of it becomes this. */
  async #replace(parts: readonly Uint8Array[]): Promise<void> {
    const { fs, directory } = this.#context;
    const path = join(directory, logName(this.generation));
    const aside = join(directory, asideName(logName(this.generation)));
    await fs.remove(aside);
    const file = await fs.open(aside, 'append');
    await file.append(parts);
    await file.sync();
    await fs.rename(aside, path);
    await fs.syncDirectory(directory);
    await this.#file.close();
    this.#file = file;
  }

  /** Newest first. */
  *checkpoints(): Iterable<{ checkpoint: Checkpoint; end: number }> {
    for (let at = this.#starts.length - 1; at >= 0; at--) {
      const checkpoint = this.#readCheckpoint(this.#starts[at]!);
      if (checkpoint !== undefined) yield { checkpoint, end: this.#starts[at + 1] ?? this.#file.size };
    }
  }

  /** Cuts off the frames behind this place. The table still holds their keys. */
  async cutBack(end: number): Promise<void> {
    await this.#file.truncate(end);
    await this.#file.sync();
  }

  /** As cutBack, for frames that may have said which generations have aged: the log goes on saying so. */
  async rollBack(end: number, oldestGeneration: number): Promise<void> {
    const start = this.#starts.findLast((one) => one < end)!;
    const last = this.#readHeader(start);
    if (last?.oldestGeneration === oldestGeneration) return await this.cutBack(end);
    const frame = this.#frame({
      number: (last?.number ?? 0) + 1,
      from: 0,
      to: 0,
      checkpoint: this.#readCheckpoint(start),
      oldestGeneration,
      insertedKeys: last?.insertedKeys ?? this.insertedBefore,
    });
    const kept = new Uint8Array(end);
    this.#file.read(kept, 0);
    await this.#replace([kept, ...frame]);
  }

  /** Makes what another process may have left in the cache only outlive a power cut. */
  async sync(): Promise<void> {
    await this.#file.sync();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async remove(): Promise<void> {
    await this.#file.close();
    await this.#context.fs.remove(join(this.#context.directory, logName(this.generation)));
  }

  #frame(part: Omit<FrameContent, 'generation' | 'digestBytes' | 'keys' | 'digests'>): Uint8Array[] {
    const { generation, table } = this;
    const { digestBytes } = this.#context;
    return encodeFrame({ ...part, generation, digestBytes, keys: table.keys, digests: table.digests });
  }

  #readHeader(start: number): FrameHeader | undefined {
    const bytes = new Uint8Array(FRAME_HEADER_BYTES);
    this.#file.read(bytes, start);
    return decodeFrameHeader(bytes);
  }

  #readCheckpoint(start: number): Checkpoint | undefined {
    const header = this.#readHeader(start);
    if (header?.dataBytes === undefined) return undefined;
    const data = new Uint8Array(header.dataBytes);
    this.#file.read(data, start + FRAME_HEADER_BYTES + header.keyCount * (16 + header.digestBytes));
    return checkpointOf(header, data);
  }
}

export interface LogStart {
  readonly generation: number;
  readonly table: KeyTable;
  readonly first: Checkpoint | undefined;
  readonly insertedBefore: number;
}

/** Begins a generation. When it resolves, the log is durable under its name. */
export async function createGenerationLog(
  context: LogContext,
  start: LogStart,
  oldestGeneration: number,
): Promise<GenerationLog> {
  const { fs, directory } = context;
  const file = await fs.open(join(directory, logName(start.generation)), 'append');
  try {
    await file.truncate(0);
    const log = new GenerationLog(context, file, start);
    await log.append(0, start.first, oldestGeneration);
    await fs.syncDirectory(directory);
    return log;
  } catch (error) {
    await file.close().catch(() => {});
    throw error;
  }
}

export function checkpointOf(header: FrameHeader, data: Uint8Array): Checkpoint {
  const { insertedKeys, eventTimeMs } = header;
  return { data, insertedKeys, ...(eventTimeMs === undefined ? {} : { eventTimeMs }) };
}

function byteSum(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.byteLength, 0);
}
