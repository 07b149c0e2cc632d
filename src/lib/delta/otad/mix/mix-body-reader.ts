import type { RandomAccess } from '../../../core/random-access.js';
import type { PatchStream } from '../../formats.js';
import { invalidPatch } from '../../patch-error.js';
import { readExactly } from '../../read-exactly.js';
import type { BlockBytes, BodyReader } from '../body.js';
import { type Control, readControlFields } from '../control.js';
import { CoverBuilder } from '../cover-builder.js';
import type { OtadHeader } from '../header.js';
import { BitDecoder, MOST_BEYOND_BYTES } from './bit-coder.js';
import { MixModel } from './mix-model.js';

const INPUT_BYTES = 128 * 1024;
/** A decision takes 12 bits at most; a byte is ten decisions, with its share in the flags of its word and group. */
const MOST_BYTES_A_BYTE = 16;
/** Bytes that are decoded between two looks at the input. */
const STEP_BYTES = 2048;
/** A number is at most 70 decisions. */
const NUMBER_BYTES = 128;

const NOTHING = { gap: 0, length: 1, shift: 0 };

/** Reads a body that was packed by context mixing. */
export class MixBodyReader implements BodyReader {
  readonly #patch: RandomAccess;
  readonly #header: OtadHeader;
  readonly #stream: PatchStream;
  readonly #coder = new BitDecoder();
  readonly #model: MixModel;
  readonly #input: Uint8Array;
  /** Bytes of the stream read so far. */
  #read = 0;

  constructor(patch: RandomAccess, header: OtadHeader, stream: PatchStream) {
    this.#patch = patch;
    this.#header = header;
    this.#stream = stream;
    this.#model = new MixModel(this.#coder, header.counterBits);
    this.#input = new Uint8Array(Math.min(INPUT_BYTES, stream.size));
  }

  async control(): Promise<Control> {
    await this.#refill();
    this.#coder.start();
    const source = {
      unsigned: async (most: number, what: string) => {
        await this.#ready(NUMBER_BYTES);
        const number = this.#model.field(0);
        if (number <= most) return number;
        throw invalidPatch(this.#patch.name, `${what} is above its limit of ${most}`);
      },
    };
    const fields = await readControlFields(this.#header, source, this.#patch.name);
    const builder = new CoverBuilder(this.#header, this.#patch.name);
    for (let i = 0; i < this.#header.coverCount; i++) {
      const wait = this.#ready(4 * NUMBER_BYTES);
      if (wait !== undefined) await wait;
      builder.add(this.#model.cover(NOTHING));
    }
    return { ...fields, covers: builder.covers };
  }

  async chunk(): Promise<void> {
    await this.#ready(NUMBER_BYTES);
  }

  mode(length: number): number | Promise<number> {
    const wait = this.#ready(NUMBER_BYTES);
    return wait === undefined ? this.#model.mode(0, length) : wait.then(() => this.#model.mode(0, length));
  }

  correct(block: BlockBytes): boolean | Promise<boolean> {
    const wait = this.#ready(block.actual.length * MOST_BYTES_A_BYTE);
    return wait === undefined ? this.#model.differences(block) : wait.then(() => this.#model.differences(block));
  }

  async extra(actual: Uint8Array, newAt: number): Promise<void> {
    for (let at = 0; at < actual.length; at += STEP_BYTES) {
      await this.#ready(STEP_BYTES * MOST_BYTES_A_BYTE);
      this.#model.extra(actual.subarray(at, at + STEP_BYTES), newAt + at);
    }
  }

  async requireEnd(): Promise<void> {
    const coder = this.#coder;
    this.#requireInput();
    const left = this.#stream.size - this.#read + coder.input.length - coder.at;
    if (left > 0) throw invalidPatch(this.#patch.name, `${left} bytes of the body are left when the image is complete`);
  }

  async close(): Promise<void> {}

  /** Sees to it that so many bytes of input are there, or all that is left. */
  #ready(bytes: number): Promise<void> | undefined {
    const { input, at } = this.#coder;
    this.#requireInput();
    if (input.length - at >= bytes || this.#read === this.#stream.size) return undefined;
    return this.#refill();
  }

  async #refill(): Promise<void> {
    const coder = this.#coder;
    const kept = coder.input.length - coder.at;
    this.#input.copyWithin(0, coder.at, coder.input.length);
    const room = this.#input.subarray(kept, kept + this.#stream.size - this.#read);
    await readExactly(this.#patch, room, this.#stream.offset + this.#read);
    this.#read += room.length;
    coder.input = this.#input.subarray(0, kept + room.length);
    coder.at = 0;
  }

  #requireInput(): void {
    if (this.#coder.beyond <= MOST_BEYOND_BYTES) return;
    throw invalidPatch(this.#patch.name, 'the body is too short for the image it should make');
  }
}
