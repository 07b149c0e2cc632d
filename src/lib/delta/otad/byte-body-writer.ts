import type { BodyWriter } from './body.js';
import { type Control, writeControl } from './control.js';
import { VarintWriter } from './varint.js';

/** Takes the bytes of a body, in order, and packs them. */
export interface ByteSink {
  write(bytes: Uint8Array): Promise<void>;
  /** @returns everything packed, in pieces */
  finish(): Promise<Uint8Array[]>;
}

/** Writes what {@link ByteBodyReader} reads. */
export class ByteBodyWriter implements BodyWriter {
  readonly #sink: ByteSink;
  #bodyBytes = 0;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  async control(control: Control, reordered: boolean): Promise<void> {
    const section = new VarintWriter();
    writeControl(control, reordered, section);
    const size = new VarintWriter();
    size.unsigned(section.bytes.length);
    await this.#write(size.bytes);
    await this.#write(section.bytes);
  }

  modes(modes: Uint8Array): Promise<void> {
    return this.#write(modes);
  }

  correct(predicted: Uint8Array, actual: Uint8Array): Promise<void> {
    const differences = new Uint8Array(actual.length);
    for (let i = 0; i < actual.length; i++) differences[i] = actual[i]! - predicted[i]!;
    return this.#write(differences);
  }

  extra(bytes: Uint8Array): Promise<void> {
    return this.#write(bytes.slice());
  }

  async finish(): Promise<{ pieces: Uint8Array[]; bodyBytes: number }> {
    return { pieces: await this.#sink.finish(), bodyBytes: this.#bodyBytes };
  }

  #write(bytes: Uint8Array): Promise<void> {
    this.#bodyBytes += bytes.length;
    return this.#sink.write(bytes);
  }
}
