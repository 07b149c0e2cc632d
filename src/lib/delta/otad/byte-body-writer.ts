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
  /** Of the chunk in work: what its blocks begin with, then what goes behind all of that. */
  #kinds = new Uint8Array(0);
  #nextKind = 0;
  #rest: Uint8Array[] = [];

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

  async chunk(modes: Uint8Array): Promise<void> {
    await this.#writeChunk();
    this.#kinds = modes.map((mode) => mode * 2);
    this.#nextKind = 0;
  }

  correct({ predicted, actual }: BlockBytes): boolean {
    const block = this.#nextKind++;
    if (Buffer.compare(predicted, actual) === 0) return false;
    const differences = new Uint8Array(actual.length);
    for (let i = 0; i < actual.length; i++) differences[i] = actual[i]! - predicted[i]!;
    this.#kinds[block]! += 1;
    this.#rest.push(differences);
    return true;
  }

  async extra(actual: Uint8Array): Promise<void> {
    this.#rest.push(actual.slice());
  }

  async finish(): Promise<PackedBody> {
    await this.#writeChunk();
    await this.#handOn();
    return { pieces: await this.#sink.finish(), bodyBytes: this.#bodyBytes };
  }

  async #writeChunk(): Promise<void> {
    await this.#write(this.#kinds);
    for (const bytes of this.#rest) await this.#write(bytes);
    this.#kinds = new Uint8Array(0);
    this.#rest = [];
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#bodyBytes += bytes.length;
    for (let from = 0; from < bytes.length; ) {
      if (this.#filled === PIECE_BYTES) await this.#handOn();
      const taken = Math.min(bytes.length - from, PIECE_BYTES - this.#filled);
      this.#piece.set(bytes.subarray(from, from + taken), this.#filled);
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
