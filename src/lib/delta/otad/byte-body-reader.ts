import type { RandomAccess } from '../../core/random-access.js';
import { addBytes } from '../add-bytes.js';
import { DecodedStream } from '../coders/decoded-stream.js';
import type { PatchStream } from '../formats.js';
import { invalidPatch } from '../patch-error.js';
import type { BodyReader } from './body.js';
import { type Control, readControl } from './control.js';
import type { OtadHeader } from './header.js';
import { VarintReader } from './varint.js';

/** A control section of honest covers and segments stays below this, bytes. */
const controlBytesAllowed = (coverCount: number) => 16 * coverCount + 4 * 1024 * 1024;

/** Reads a body that is bytes under a general coder: none, brotli or LZMA. */
export class ByteBodyReader implements BodyReader {
  readonly #header: OtadHeader;
  readonly #stream: DecodedStream;
  readonly #patchName: string;

  constructor(patch: RandomAccess, header: OtadHeader, stream: PatchStream) {
    this.#header = header;
    this.#stream = new DecodedStream(patch, stream);
    this.#patchName = patch.name;
  }

  async control(): Promise<Control> {
    const sizeBytes: number[] = [];
    do {
      const byte = new Uint8Array(1);
      await this.#stream.take(byte);
      sizeBytes.push(byte[0]!);
    } while (sizeBytes.at(-1)! >= 0x80 && sizeBytes.length < 8);
    const most = controlBytesAllowed(this.#header.coverCount);
    const size = new VarintReader(() => sizeBytes.shift()!, this.#patchName).unsigned(
      most,
      'the size of the control section',
    );
    const bytes = new Uint8Array(size);
    await this.#stream.take(bytes);
    let at = 0;
    const nextByte = () => {
      if (at === size) throw invalidPatch(this.#patchName, 'the control section is too short for what it says');
      return bytes[at++]!;
    };
    const control = readControl(this.#header, new VarintReader(nextByte, this.#patchName), this.#patchName);
    if (at < size) throw invalidPatch(this.#patchName, `${size - at} bytes follow the control section`);
    return control;
  }

  async modes(into: Uint8Array, most: number): Promise<void> {
    await this.#stream.take(into);
    const unknown = into.find((mode) => mode > most);
    if (unknown !== undefined) {
      throw invalidPatch(this.#patchName, `a block has mode ${unknown}, the highest is ${most}`);
    }
  }

  async correct(chunk: Uint8Array, at: number, length: number): Promise<void> {
    const stream = this.#stream;
    for (let end = at + length; at < end; ) {
      if (stream.available === 0) await stream.fill();
      const part = Math.min(end - at, stream.available);
      addBytes(chunk, at, stream.chunk, stream.at, chunk, at, part);
      stream.at += part;
      at += part;
    }
  }

  extra(chunk: Uint8Array, at: number, length: number): Promise<void> {
    return this.#stream.take(chunk.subarray(at, at + length));
  }

  requireEnd(): Promise<void> {
    return this.#stream.requireEnd();
  }

  close(): Promise<void> {
    return this.#stream.close();
  }
}
