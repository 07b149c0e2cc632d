import type { DecodedStream } from './decoded-stream.js';
import { endlessPatch, invalidPatch } from './patch-error.js';
import { readSigned64 } from './signed64.js';

/** One instruction of bsdiff. */
export interface Triple {
  /** Bytes of the new image made by adding the diff stream to the old image. */
  add: number;
  /** Bytes of the new image copied from the extra stream after that. */
  copy: number;
  /** How far the position in the old image then moves beyond the added bytes; may be negative. */
  seek: number;
}

/** Size of a triple in the control stream, bytes. */
export const TRIPLE_BYTES = 24;

/**
 * Triples that make nothing are honest now and then: bsdiff writes one where a
 * match swallows all of the one before it, or to seek before the first byte.
 * Each stands for a match of several bytes, so they can be counted against the
 * image; more than this is a patch that only wants to run for ever.
 */
const idleTriplesAllowed = (targetSize: number) => 64 + Math.floor(targetSize / 8);

/** Reads the control stream and lets through only triples that stay inside the new image. */
export class TripleReader {
  readonly #control: DecodedStream;
  readonly #patchName: string;
  readonly #bytes = new Uint8Array(TRIPLE_BYTES);
  #idleLeft: number;
  #remaining: number;

  constructor(control: DecodedStream, targetSize: number, patchName: string) {
    this.#control = control;
    this.#patchName = patchName;
    this.#remaining = targetSize;
    this.#idleLeft = idleTriplesAllowed(targetSize);
  }

  /** True once the triples read so far make the whole image. */
  get done(): boolean {
    return this.#remaining === 0;
  }

  /** Reads the next triple's bytes. @throws OtaError PATCH_INVALID when there are none */
  load(): Promise<void> | undefined {
    const { chunk, at, available } = this.#control;
    if (available < TRIPLE_BYTES) return this.#control.take(this.#bytes);
    for (let i = 0; i < TRIPLE_BYTES; i++) this.#bytes[i] = chunk[at + i]!;
    this.#control.at += TRIPLE_BYTES;
    return undefined; // most triples need no wait
  }

  /**
   * The triple that {@link load} has read.
   *
   * @throws OtaError PATCH_INVALID: a length that is negative, beyond 2^53 − 1 or beyond the image;
   *   LIMIT_EXCEEDED: too many triples that make nothing
   */
  next(): Triple {
    const add = this.#length(0, 'add');
    const copy = this.#length(8, 'copy');
    const seek = readSigned64(this.#bytes, 16);
    if (seek === undefined) throw invalidPatch(this.#patchName, 'a control triple seeks beyond 2^53 bytes');
    if (add === 0 && copy === 0 && this.#idleLeft-- === 0) {
      throw endlessPatch(this.#patchName, 'too many control triples make no byte of the image');
    }
    return { add, copy, seek };
  }

  #length(at: number, what: string): number {
    const length = readSigned64(this.#bytes, at);
    // CVE-2014-9862: a negative length moved the write position before the buffer
    if (length === undefined || length < 0 || length > this.#remaining) {
      throw invalidPatch(
        this.#patchName,
        `a control triple wants to ${what} ${length ?? 'more than 2^53'} bytes, ${this.#remaining} are left to make`,
      );
    }
    this.#remaining -= length;
    return length;
  }
}
