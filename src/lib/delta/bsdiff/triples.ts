import type { DecodedStream } from '../coders/decoded-stream.js';
import { endlessPatch, invalidPatch } from '../patch-error.js';
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
 * A triple may make nothing: bsdiff writes one where a match swallows all of
 * the one before it, or to seek before the first byte. But each stands for a
 * match of seven bytes or more, so an image needs far fewer than this; a patch
 * with more only wants to keep the applier busy.
 */
const triplesAllowed = (targetSize: number) => 64 + Math.floor(targetSize / 4);

/** Reads the control stream and lets through only triples that stay inside the new image. */
export class TripleReader {
  readonly #control: DecodedStream;
  readonly #patchName: string;
  readonly #bytes = new Uint8Array(TRIPLE_BYTES);
  readonly #targetSize: number;
  #triplesLeft: number;
  #remaining: number;

  constructor(control: DecodedStream, targetSize: number, patchName: string) {
    this.#control = control;
    this.#patchName = patchName;
    this.#remaining = targetSize;
    this.#targetSize = targetSize;
    this.#triplesLeft = triplesAllowed(targetSize);
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
   *   LIMIT_EXCEEDED: more triples than the image can need
   */
  next(): Triple {
    const add = this.#length(0, 'add');
    const copy = this.#length(8, 'copy');
    const seek = readSigned64(this.#bytes, 16);
    if (seek === undefined) throw invalidPatch(this.#patchName, 'a control triple seeks beyond 2^53 bytes');
    if (this.#triplesLeft-- === 0) {
      throw endlessPatch(
        this.#patchName,
        `it has more than ${triplesAllowed(this.#targetSize)} control triples, an image of ${this.#targetSize} bytes needs fewer`,
      );
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
