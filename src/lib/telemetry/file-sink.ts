import { dirname, resolve } from 'node:path';
import * as z from 'zod/mini';
import type { DurableFile, DurableFs } from '../core/durable-fs.js';
import { OtaError } from '../core/errors.js';
import type { HeldLock, TakeLock } from '../core/lock.js';
import { checkSchema } from '../core/schema.js';
import type { JsonObject } from '../core/strict-json.js';
import { escapeText } from '../core/text.js';
import { filePrint, firstLinePrint } from './file-print.js';
import type { LineChunk } from './line-chunk.js';
import { LineSplitter } from './line-splitter.js';
import { MAX_LINE_BYTES } from './message.js';
import type { AcceptedMessages, RecoverableSink } from './sink.js';

const BLOCK_BYTES = 1024 * 1024;
const LINE_FEED = 0x0a;

const print = z.string().check(z.regex(/^[0-9a-f]{32}$/));
const filePosition = z.strictObject({
  bytes: z.number().check(z.int(), z.nonnegative()),
  /** Of everything before it. */
  print,
  /** Of the first line, which is left when most of the file was cut off. */
  first: z.optional(print),
});
type FilePosition = z.infer<typeof filePosition>;

export interface FileSinkOptions {
  /** Keeps other processes that lock from writing to the file as long as it is open; a dry run takes none. */
  readonly takeLock?: TakeLock;
}

/**
 * NDJSON at the end of a file that only this sink writes to, exactly once: each write is synced before it is
 * done, and what an interrupted one left can be found and cut off.
 *
 * The file is made (mode 0600) by `end` or the first `write`; everything else only reads.
 */
export function fileSink(fs: DurableFs, path: string, options: FileSinkOptions = {}): RecoverableSink {
  return new FileSink(fs, resolve(path), options);
}

class FileSink implements RecoverableSink {
  readonly id: string;
  readonly guarantee = 'exactly-once';
  readonly #fs: DurableFs;
  readonly #path: string;
  readonly #takeLock: TakeLock | undefined;
  #lock: HeldLock | undefined;
  #output: DurableFile | undefined;

  constructor(fs: DurableFs, path: string, { takeLock }: FileSinkOptions) {
    this.#takeLock = takeLock;
    this.id = `file:${path}`;
    this.#fs = fs;
    this.#path = path;
  }

  async write({ runs }: AcceptedMessages): Promise<FilePosition> {
    const output = await this.#opened();
    if (runs.length > 0) {
      await output.append(runs);
      await output.sync();
    }
    return await positionAt(output, output.size);
  }

  async isEmpty(): Promise<boolean> {
    return await this.#reading(async (file) => file === undefined || file.size === 0);
  }

  async end(): Promise<FilePosition> {
    const output = await this.#opened();
    const size = wholeLinesEnd(output);
    // Whole but for its line feed, it may have come out already: nobody else would bring it back.
    if (size < output.size && lacksJustLineFeed(output, size)) await output.append([Uint8Array.of(LINE_FEED)]);
    else if (size < output.size) await output.truncate(size);
    // Also where nothing was cut: what an earlier process wrote may never have been synced.
    await output.sync();
    return await positionAt(output, output.size);
  }

  async reaches(position: JsonObject): Promise<boolean> {
    const { bytes, print } = this.#checked(position);
    return await this.#reading(async (file) => {
      if (file === undefined || file.size < bytes) return bytes === 0;
      return (await positionAt(file, bytes)).print === print;
    });
  }

  async beginsAs(position: JsonObject): Promise<boolean> {
    const { first } = this.#checked(position);
    if (first === undefined) return true;
    return await this.#reading(async (file) => {
      if (file === undefined) return false;
      return (await firstLinePrint((into, at) => file.read(into, at))) === first;
    });
  }

  async *tail(from: JsonObject | undefined, signal: AbortSignal): AsyncGenerator<LineChunk, void, undefined> {
    const start = from === undefined ? 0 : this.#checked(from).bytes;
    const file = await this.#openToRead();
    if (file === undefined) return;
    try {
      const splitter = new LineSplitter(MAX_LINE_BYTES, { bytes: start, lines: 0 });
      const block = new Uint8Array(BLOCK_BYTES);
      for (let at = start; at < file.size && !signal.aborted; ) {
        const got = file.read(block.subarray(0, file.size - at), at);
        if (got === 0) return;
        at += got;
        const lines = splitter.push(block.subarray(0, got));
        if (lines !== undefined) yield { ...lines, position: await positionAt(file, splitter.bytes) };
      }
    } finally {
      await file.close();
    }
  }

  async newest(messages: number): Promise<FilePosition | undefined> {
    return await this.#reading(async (file) => {
      if (file === undefined) return undefined;
      const start = startOfNewest(file, messages);
      return start === 0 ? undefined : await positionAt(file, start);
    });
  }

  async cutBack(after: JsonObject | undefined, bytes: number): Promise<void> {
    const output = await this.#opened();
    const size = (after === undefined ? 0 : this.#checked(after).bytes) + bytes;
    if (size >= output.size) return;
    await output.truncate(size);
    await output.sync();
  }

  async close(): Promise<void> {
    try {
      await this.#output?.close();
    } finally {
      await this.#lock?.release();
      this.#output = undefined;
      this.#lock = undefined;
    }
  }

  async #opened(): Promise<DurableFile> {
    if (this.#output !== undefined) return this.#output;
    this.#lock ??= await this.#locked();
    this.#output = await this.#fs.open(this.#path, 'append');
    // A synced line is worth nothing under a name that a power cut takes away.
    await this.#fs.syncDirectory(dirname(this.#path));
    return this.#output;
  }

  async #locked(): Promise<HeldLock | undefined> {
    try {
      return await this.#takeLock?.(`${this.#path}.lock`);
    } catch (error) {
      if (!(error instanceof OtaError && error.code === 'NOT_FOUND')) throw error;
      throw new OtaError('NOT_FOUND', `${escapeText(dirname(this.#path))}: no such folder`, [
        'Make it, or check the path.',
      ]);
    }
  }

  async #openToRead(): Promise<DurableFile | undefined> {
    try {
      return await this.#fs.open(this.#path, 'read');
    } catch (error) {
      if (error instanceof OtaError && error.code === 'NOT_FOUND') return undefined;
      throw error;
    }
  }

  async #reading<T>(work: (file: DurableFile | undefined) => Promise<T>): Promise<T> {
    const file = await this.#openToRead();
    try {
      return await work(file);
    } finally {
      await file?.close();
    }
  }

  #checked(position: JsonObject): FilePosition {
    return checkSchema(filePosition, position, { code: 'CHECKPOINT_MISMATCH', name: `position in ${this.#path}` });
  }
}

async function positionAt(file: DurableFile, bytes: number): Promise<FilePosition> {
  const read = (into: Uint8Array, position: number) => file.read(into, position);
  const first = bytes === 0 ? undefined : await firstLinePrint(read);
  return { bytes, print: await filePrint(read, bytes), ...(first !== undefined && { first }) };
}

/** Where the last whole line ends. */
function wholeLinesEnd(file: DurableFile): number {
  for (const { block, at } of blocksFromEnd(file)) {
    const last = block.lastIndexOf(LINE_FEED);
    if (last !== -1) return at + last + 1;
  }
  return 0;
}

/** Whether a whole object stands behind the last whole line. */
function lacksJustLineFeed(file: DurableFile, start: number): boolean {
  if (file.size - start > MAX_LINE_BYTES) return false;
  const rest = Buffer.alloc(file.size - start);
  file.read(rest, start);
  try {
    const value: unknown = JSON.parse(rest.toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** Where the newest `messages` whole lines begin; 0 if there are not more of them. */
function startOfNewest(file: DurableFile, messages: number): number {
  let missing = messages + 1; // the line feed before the first of them, too
  for (const { block, at } of blocksFromEnd(file)) {
    for (let last = block.lastIndexOf(LINE_FEED); last !== -1; last = lastBefore(block, last)) {
      missing--;
      if (missing === 0) return at + last + 1;
    }
  }
  return 0;
}

function lastBefore(block: Uint8Array, index: number): number {
  return index === 0 ? -1 : block.lastIndexOf(LINE_FEED, index - 1);
}

/** The blocks of a file from its end; each is valid until the next is asked for. */
function* blocksFromEnd(file: DurableFile): Generator<{ readonly block: Uint8Array; readonly at: number }> {
  const buffer = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, file.size));
  for (let end = file.size; end > 0; ) {
    const at = Math.max(0, end - buffer.length);
    const block = buffer.subarray(0, end - at);
    file.read(block, at);
    yield { block, at };
    end = at;
  }
}
