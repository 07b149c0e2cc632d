import { OtaError } from '../../core/errors.js';
import { escapeText } from '../../core/text.js';
import type { Effort } from '../formats.js';
import { loadSevenZip } from './seven-zip.js';

/** 7-Zip's levels: one way to pack each block, two ways, or seven and cutting it where that pays. */
const LEVEL: Record<Effort, number> = { fast: 5, normal: 7, best: 9 };
/** Blocks have up to 900 kB, in steps of which each costs a decoder 400 kB. */
const BLOCK_STEP_BYTES = 100_000;
const MOST_STEPS = 9;
/** What packing three streams takes, bytes: 7-Zip and its memory for each. */
export const BZIP2_ENCODER_BYTES = 96 * 1024 * 1024;

/**
 * Packs a stream with bzip2, in constant memory.
 *
 * @param size bytes that the chunks have, about
 * @returns one bzip2 stream, with blocks no larger than it takes to hold a small stream in one
 * @throws OtaError TOOL_MISSING when 7z-wasm is not installed or another version, TOOL_FAILED when it fails;
 *   what taking the chunks throws
 * @see docs/decisions/0022-bsdiff40.md for why it is 7-Zip that packs
 */
export async function packBzip2(chunks: Iterable<Uint8Array>, size: number, effort: Effort): Promise<Uint8Array> {
  const input = new ByteSource(chunks);
  const sevenZip = await loadSevenZip(() => input.next());
  const steps = Math.min(MOST_STEPS, Math.max(1, Math.ceil(size / BLOCK_STEP_BYTES)));
  const block = `-md=${steps * BLOCK_STEP_BYTES}b`;
  try {
    sevenZip.run(['a', '-tbzip2', `-mx=${LEVEL[effort]}`, block, '-mmt=1', '-si', '/packed.bz2']);
  } catch (error) {
    if (!input.failed && !(error instanceof OtaError)) throw failed(error);
    if (!input.failed) throw error;
  }
  if (input.failed) throw input.failure; // of which 7-Zip takes no notice
  return sevenZip.readFile('/packed.bz2');
}

function failed(error: unknown): OtaError {
  const reason = escapeText(error instanceof Error ? error.message : String(error)); // it may throw an address in its memory
  return new OtaError('TOOL_FAILED', `7-Zip could not pack a stream of the patch with bzip2: ${reason}`, [
    'Use --format bsdf2, which is packed otherwise.',
  ]);
}

/** Chunks, a byte at a time. */
class ByteSource {
  /** Whether taking a chunk failed, */
  failed = false;
  /** and with what. */
  failure: unknown;
  readonly #chunks: Iterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(chunks: Iterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.iterator]();
  }

  /** null at the end, and after a failure. */
  next(): number | null {
    while (this.#at === this.#chunk.length) if (!this.#load()) return null;
    return this.#chunk[this.#at++]!;
  }

  #load(): boolean {
    if (this.failed) return false;
    try {
      const { done, value } = this.#chunks.next();
      this.#chunk = done ? new Uint8Array(0) : value;
      this.#at = 0;
      return !done;
    } catch (error) {
      this.failed = true;
      this.failure = error;
      return false;
    }
  }
}
