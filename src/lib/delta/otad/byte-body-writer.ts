import type { BlockBytes, BodyWriter, PackedBody } from './body.js';
import { type Control, controlNumbers, foldSign } from './control.js';
import { coverSteps } from './cover-builder.js';
import { VarintWriter } from './varint.js';

/** Takes the bytes of a body, in order, and packs them. */
export interface ByteSink {
  write(bytes: Uint8Array): Promise<void>;
  /** @returns everything packed, in pieces */
  finish(): Promise<Uint8Array[]>;
}

/** Bytes that are handed on at once: a coder in another thread is waited for each time. */
const PIECE_BYTES = 256 * 1024;

/** Writes what `ByteBodyReader` reads. */
export class ByteBodyWriter implements BodyWriter {
  readonly inImageOrder = false;
  readonly #sink: ByteSink;
  #bodyBytes = 0;
  /** What was not handed on yet: a sink may hold what it was given. */
  #piece = new Uint8Array(PIECE_BYTES);
  #filled = 0;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  async control(control: Control, reordered: boolean): Promise<void> {
    const section = new VarintWriter();
    for (const number of controlNumbers(control, reordered)) section.unsigned(number);
    for (const { gap } of coverSteps(control.covers)) section.unsigned(gap);
    for (const { length } of coverSteps(control.covers)) section.unsigned(length - 1);
    let last = 0;
    for (const { shift } of coverSteps(control.covers)) {
      section.unsigned(foldSign(shift - last));
      last = shift;
    }
    const size = new VarintWriter();
    size.unsigned(section.bytes.length);
    await this.#write(size.bytes);
    await this.#write(section.bytes);
  }

  chunk(modes: Uint8Array): Promise<void> {
    return this.#write(modes);
  }

  correct({ predicted, actual }: BlockBytes): boolean | Promise<boolean> {
    const { length } = actual;
    if (this.#filled + length > PIECE_BYTES) return this.#correctAcross(predicted, actual);
    const differs = subtract(predicted, actual, this.#piece, this.#filled);
    this.#filled += length;
    this.#bodyBytes += length;
    return differs;
  }

  extra(actual: Uint8Array): Promise<void> {
    return this.#write(actual);
  }

  async finish(): Promise<PackedBody> {
    await this.#handOn();
    return { pieces: await this.#sink.finish(), bodyBytes: this.#bodyBytes };
  }

  async #correctAcross(predicted: Uint8Array, actual: Uint8Array): Promise<boolean> {
    const differences = new Uint8Array(actual.length);
    const differs = subtract(predicted, actual, differences, 0);
    await this.#write(differences);
    return differs;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#bodyBytes += bytes.length;
    // views of images end with the first wait
    const own = this.#filled + bytes.length > PIECE_BYTES ? bytes.slice() : bytes;
    for (let from = 0; from < own.length; ) {
      if (this.#filled === PIECE_BYTES) await this.#handOn();
      const taken = Math.min(own.length - from, PIECE_BYTES - this.#filled);
      this.#piece.set(own.subarray(from, from + taken), this.#filled);
      this.#filled += taken;
      from += taken;
    }
  }

  async #handOn(): Promise<void> {
    if (this.#filled === 0) return;
    const piece = this.#piece.subarray(0, this.#filled);
    this.#piece = new Uint8Array(PIECE_BYTES);
    this.#filled = 0;
    await this.#sink.write(piece);
  }
}

/** @returns whether any byte differs */
function subtract(predicted: Uint8Array, actual: Uint8Array, differences: Uint8Array, at: number): boolean {
  let any = 0;
  for (let i = 0; i < actual.length; i++) {
    const difference = actual[i]! - predicted[i]!;
    differences[at + i] = difference;
    any |= difference;
  }
  return any !== 0;
}
