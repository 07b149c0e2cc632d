import type { RandomAccess } from '../../core/random-access.js';
import { addBytes } from '../add-bytes.js';
import { DecodedStream } from '../coders/decoded-stream.js';
import type { PatchStream } from '../formats.js';
import { invalidPatch } from '../patch-error.js';
import type { BlockBytes, BodyReader } from './body.js';
import { type Control, readControlFields, unfoldSign } from './control.js';
import { CoverBuilder } from './cover-builder.js';
import type { OtadHeader } from './header.js';
import { VarintReader } from './varint.js';

/** A control section of honest covers and segments stays below this, bytes. */
const controlBytesAllowed = (coverCount: number) => 16 * coverCount + 4 * 1024 * 1024;

/** Reads a body that is bytes under a general coder: none, brotli or LZMA. */
export class ByteBodyReader implements BodyReader {
  readonly inImageOrder = false;
  readonly #header: OtadHeader;
  readonly #stream: DecodedStream;
  readonly #patchName: string;
  /** Of the blocks of a chunk: mode × 2, and 1 where differences follow. */
  #kinds = new Uint8Array(0);
  #nextKind = 0;
  #differs = false;

  constructor(patch: RandomAccess, header: OtadHeader, stream: PatchStream) {
    this.#header = header;
    this.#stream = new DecodedStream(patch, stream);
    this.#patchName = patch.name;
  }

  async control(): Promise<Control> {
    const header = this.#header;
    const bytes = await this.#controlBytes();
    let at = 0;
    const nextByte = () => {
      if (at === bytes.length) throw invalidPatch(this.#patchName, 'the control section is too short for what it says');
      return bytes[at++]!;
    };
    const numbers = new VarintReader(nextByte, this.#patchName);
    const source = { unsigned: async (most: number, what: string) => numbers.unsigned(most, what) };
    const fields = await readControlFields(header, source, this.#patchName);

    const count = header.coverCount;
    const column = (what: string) =>
      Int32Array.from({ length: count }, () => numbers.unsigned(header.targetSize, what));
    const gaps = column('the gap before a cover');
    const lengths = column('the length of a cover');
    const builder = new CoverBuilder(header, this.#patchName);
    let shift = 0;
    for (let i = 0; i < count; i++) {
      shift += unfoldSign(numbers.unsigned(2 ** 33, 'the shift of a cover'));
      builder.add({ gap: gaps[i]!, length: lengths[i]! + 1, shift });
    }
    if (at < bytes.length) throw invalidPatch(this.#patchName, `${bytes.length - at} bytes follow the control section`);
    return { ...fields, covers: builder.covers };
  }

  async chunk(blocks: number): Promise<void> {
    if (this.#kinds.length !== blocks) this.#kinds = new Uint8Array(blocks);
    this.#nextKind = 0;
    await this.#stream.take(this.#kinds);
  }

  unchanged(most: number): number {
    const from = this.#nextKind;
    while (this.#nextKind < from + most && this.#kinds[this.#nextKind] === 0) this.#nextKind++;
    return this.#nextKind - from;
  }

  mode(): number {
    const kind = this.#kinds[this.#nextKind++]!;
    this.#differs = kind % 2 === 1;
    return kind >> 1;
  }

  correct({ predicted, actual }: BlockBytes): boolean | Promise<boolean> {
    if (!this.#differs) {
      actual.set(predicted);
      return false;
    }
    const stream = this.#stream;
    if (stream.available < actual.length) return this.#correctAcross(predicted, actual);
    addBytes(actual, 0, stream.chunk, stream.at, predicted, 0, actual.length);
    stream.at += actual.length;
    return true;
  }

  async #correctAcross(predicted: Uint8Array, actual: Uint8Array): Promise<boolean> {
    const stream = this.#stream;
    for (let at = 0; at < actual.length; ) {
      if (stream.available === 0) await stream.fill();
      const part = Math.min(actual.length - at, stream.available);
      addBytes(actual, at, stream.chunk, stream.at, predicted, at, part);
      stream.at += part;
      at += part;
    }
    return true;
  }

  extra(actual: Uint8Array): Promise<void> {
    return this.#stream.take(actual);
  }

  requireEnd(): Promise<void> {
    return this.#stream.requireEnd();
  }

  close(): Promise<void> {
    return this.#stream.close();
  }

  async #controlBytes(): Promise<Uint8Array> {
    const sizeBytes: number[] = [];
    do {
      const byte = new Uint8Array(1);
      await this.#stream.take(byte);
      sizeBytes.push(byte[0]!);
    } while (sizeBytes.at(-1)! >= 0x80 && sizeBytes.length < 8);
    const most = controlBytesAllowed(this.#header.coverCount);
    const numbers = new VarintReader(() => sizeBytes.shift()!, this.#patchName);
    const bytes = new Uint8Array(numbers.unsigned(most, 'the size of the control section'));
    await this.#stream.take(bytes);
    return bytes;
  }
}
