import { basename, dirname } from 'node:path';
import type { DurableFile, DurableFs } from '../core/durable-fs.js';
import type { HeldLock, TakeLock } from '../core/lock.js';
import { LineSplitter } from './line-splitter.js';
import { MAX_LINE_BYTES } from './message.js';

const LINE_FEED = 0x0a;
const BLOCK_BYTES = 64 * 1024;
/** Longest letter: each byte of its line may be an escape of six. */
const MAX_LETTER_BYTES = 6 * MAX_LINE_BYTES + BLOCK_BYTES;
const LETTER_START = '{"source":';

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
  /**
   * The first letter makes the file, and cuts off half a letter at its end. Anything else there that is no whole line
   * gets a line feed. One call at a time.
   */
  append(letters: readonly DeadLetter[]): Promise<void>;
  /** Makes what was appended outlive a power cut. */
  sync(): Promise<void>;
  /**
   * Takes back what was appended behind `size` bytes if each whole letter there comes again; otherwise somebody else
   * wrote there, too, and all of it stays. Nothing where the file is shorter.
   */
  cutBack(size: number, comesAgain: (letter: Pick<DeadLetter, 'source' | 'line'>) => boolean): Promise<void>;
  close(): Promise<void>;
}

/**
 * @param options.takeLock keeps other processes that lock from writing to the file as long as it is open
 * @throws OtaError as DurableFs says; NOT_FOUND or IO_FAILED for a missing folder, before there is any letter; LOCKED
 */
export async function openDeadLetters(
  fs: DurableFs,
  path: string,
  { takeLock }: { readonly takeLock?: TakeLock } = {},
): Promise<DeadLetters> {
  const folder = dirname(path);
  await fs.syncDirectory(folder);
  const lock = await takeLock?.(`${path}.lock`);
  try {
    const isThere = (await fs.list(folder)).includes(basename(path));
    return new DeadLetterFile(fs, path, isThere ? await fs.open(path, 'append') : undefined, lock);
  } catch (error) {
    await lock?.release();
    throw error;
  }
}

class DeadLetterFile implements DeadLetters {
  readonly path: string;
  readonly #fs: DurableFs;
  #file: DurableFile | undefined;
  #isNameDurable: boolean;
  #isChanged = false;
  #isWhole = false;
  readonly #lock: HeldLock | undefined;

  constructor(fs: DurableFs, path: string, file: DurableFile | undefined, lock: HeldLock | undefined) {
    this.#lock = lock;
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
    if (!this.#isWhole) await endLastLine(this.#file);
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

  async cutBack(size: number, comesAgain: Parameters<DeadLetters['cutBack']>[1]): Promise<void> {
    if (this.#file === undefined || this.#file.size <= size || !eachLetter(this.#file, size, comesAgain)) return;
    await this.#file.truncate(size);
    this.#isChanged = true;
  }

  async close(): Promise<void> {
    try {
      await this.#file?.close();
    } finally {
      await this.#lock?.release();
    }
  }
}

/** Whether everything behind `start` is letters like that, or what a power cut left of some. */
function eachLetter(
  file: DurableFile,
  start: number,
  isLike: (letter: Pick<DeadLetter, 'source' | 'line'>) => boolean,
): boolean {
  const splitter = new LineSplitter(MAX_LETTER_BYTES, { bytes: start, lines: 0 });
  const block = Buffer.alloc(BLOCK_BYTES);
  for (let at = start; at < file.size; ) {
    const got = file.read(block, at);
    if (got === 0) break;
    at += got;
    const lines = splitter.push(block.subarray(0, got));
    if (lines === undefined) continue;
    const texts = Buffer.from(lines.bytes).toString('utf8').split('\n').slice(0, -1);
    if (!texts.every((text) => isLetter(text, isLike) ?? isTorn(text))) return false;
  }
  return true;
}

/** Blocks that were never written hold zeros or whatever stood there before; what people write is text. */
function isTorn(text: string): boolean {
  return /[[\p{Cc}\ufffd]--[\t\r]]/v.test(text);
}

/** Undefined for what is no JSON. */
function isLetter(text: string, isLike: (letter: Pick<DeadLetter, 'source' | 'line'>) => boolean): boolean | undefined {
  let letter: Partial<DeadLetter> | null;
  try {
    letter = JSON.parse(text);
  } catch {
    return undefined;
  }
  return typeof letter?.source === 'string' && isLike({ source: letter.source, line: Number(letter.line) });
}

/** What a power cut left of a letter would spoil the next one; what is no letter is not ours to remove. */
async function endLastLine(file: DurableFile): Promise<void> {
  const end = endOfLastLine(file);
  if (end === file.size) return;
  const head = Buffer.alloc(Math.min(LETTER_START.length, file.size - end));
  file.read(head, end);
  const text = head.toString('latin1');
  if (isTorn(text) || LETTER_START.startsWith(text)) await file.truncate(end);
  else await file.append([Uint8Array.of(LINE_FEED)]);
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
