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

/** Writes what `ByteBodyReader` reads. */
export class ByteBodyWriter implements BodyWriter {
  readonly inImageOrder = false;
  readonly #sink: ByteSink;
  #bodyBytes = 0;

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
    return this.#write(modes.slice());
  }

  async correct({ predicted, actual }: BlockBytes): Promise<boolean> {
    const differences = new Uint8Array(actual.length);
    for (let i = 0; i < actual.length; i++) differences[i] = actual[i]! - predicted[i]!;
    await this.#write(differences);
    return differences.some((difference) => difference !== 0);
  }

  extra(actual: Uint8Array): Promise<void> {
    return this.#write(actual.slice());
  }

  async finish(): Promise<PackedBody> {
    return { pieces: await this.#sink.finish(), bodyBytes: this.#bodyBytes };
  }

  #write(bytes: Uint8Array): Promise<void> {
    this.#bodyBytes += bytes.length;
    return this.#sink.write(bytes);
  }
}
