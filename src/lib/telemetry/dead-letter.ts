import { basename, dirname } from 'node:path';
import type { DurableFile, DurableFs } from '../core/durable-fs.js';

const LINE_FEED = 0x0a;
const BLOCK_BYTES = 64 * 1024;

/** A line that is no message, or one that contradicts an earlier message. */
export interface DeadLetter {
  /** Id of its source. */
  readonly source: string;
  /** Its number there, from 1. */
  readonly line: number;
  /** One clause. */
  readonly cause: string;
  /** The line, without its line feed. */
  readonly bytes: Uint8Array;
}

/**
 * File of the lines that did not come out, for a person to look at: one JSON object a line,
 * `{"source":…,"line":…,"cause":…,"text":…}`, with `base64` instead of `text` for bytes that are no UTF-8.
 */
export interface DeadLetters {
  readonly path: string;
  /** Bytes, those included that are not synced yet. */
  readonly size: number;
  /** The first letter makes the file, and cuts off half a letter at its end. One call at a time. */
  append(letters: readonly DeadLetter[]): Promise<void>;
  /** Makes what was appended outlive a power cut. */
  sync(): Promise<void>;
  /** Takes back what was appended behind `size` bytes; nothing where the file is shorter. */
  cutBack(size: number): Promise<void>;
  close(): Promise<void>;
}

/** @throws OtaError as DurableFs says; NOT_FOUND or IO_FAILED for a missing folder, before there is any letter */
export async function openDeadLetters(fs: DurableFs, path: string): Promise<DeadLetters> {
  const folder = dirname(path);
  await fs.syncDirectory(folder);
  const isThere = (await fs.list(folder)).includes(basename(path));
  return new DeadLetterFile(fs, path, isThere ? await fs.open(path, 'append') : undefined);
}

class DeadLetterFile implements DeadLetters {
  readonly path: string;
  readonly #fs: DurableFs;
  #file: DurableFile | undefined;
  #isNameDurable: boolean;
  #isChanged = false;
  #isWhole = false;

  constructor(fs: DurableFs, path: string, file: DurableFile | undefined) {
    this.#fs = fs;
    this.path = path;
    this.#file = file;
    this.#isNameDurable = file !== undefined;
  }

  get size(): number {
    return this.#file?.size ?? 0;
  }

  async append(letters: readonly DeadLetter[]): Promise<void> {
    if (letters.length === 0) return;
    this.#file ??= await this.#fs.open(this.path, 'append');
    this.#isChanged = true;
    // What a power cut left of a letter would spoil the next one.
    if (!this.#isWhole) await this.cutBack(endOfLastLine(this.#file));
    this.#isWhole = true;
    await this.#file.append(letters.map(toLine));
  }

  async sync(): Promise<void> {
    if (this.#file === undefined || !this.#isChanged) return;
    await this.#file.sync();
    if (!this.#isNameDurable) await this.#fs.syncDirectory(dirname(this.path));
    this.#isNameDurable = true;
    this.#isChanged = false;
  }

  async cutBack(size: number): Promise<void> {
    if (this.#file === undefined || this.#file.size <= size) return;
    await this.#file.truncate(size);
    this.#isChanged = true;
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }
}

function endOfLastLine(file: DurableFile): number {
  const block = Buffer.alloc(BLOCK_BYTES);
  for (let end = file.size; end > 0; end -= BLOCK_BYTES) {
    const start = Math.max(0, end - BLOCK_BYTES);
    const lineFeed = block.subarray(0, file.read(block.subarray(0, end - start), start)).lastIndexOf(LINE_FEED);
    if (lineFeed >= 0) return start + lineFeed + 1;
  }
  return 0;
}

function toLine({ source, line, cause, bytes }: DeadLetter): Buffer {
  return Buffer.from(`${JSON.stringify({ source, line, cause, ...content(bytes) })}\n`, 'utf8');
}

function content(bytes: Uint8Array): { text: string } | { base64: string } {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { base64: Buffer.from(bytes).toString('base64') };
  }
}
