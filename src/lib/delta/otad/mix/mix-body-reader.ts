import type { RandomAccess } from '../../../core/random-access.js';
import { mostCompressedBytes } from '../../coders/mix/mix-model.js';
import { RangeDecoder, START_BYTES } from '../../coders/mix/range-coder.js';
import { patchBytes } from '../../coders/patch-bytes.js';
import type { PatchStream } from '../../formats.js';
import { invalidPatch } from '../../patch-error.js';
import type { BlockBytes, BodyReader } from '../body.js';
import { type Control, readControlFields } from '../control.js';
import { CoverBuilder } from '../cover-builder.js';
import type { OtadHeader } from '../header.js';
import { BodyModel } from './body-model.js';

/** Extra bytes that are decoded between two looks at the input. */
const STEP_BYTES = 2048;
/** What a decoder ignores. */
const NO_STEP = { gap: 0, length: 1, shift: 0 };

/** Reads a body that was packed by mixed contexts. */
export class MixBodyReader implements BodyReader {
  readonly inImageOrder = true;
  readonly #header: OtadHeader;
  readonly #patchName: string;
  readonly #coder = new RangeDecoder();
  readonly #model: BodyModel;
  readonly #pieces: AsyncGenerator<Uint8Array, void, undefined>;
  #ended = false;

  constructor(patch: RandomAccess, header: OtadHeader, stream: PatchStream) {
    this.#header = header;
    this.#patchName = patch.name;
    this.#model = new BodyModel(this.#coder, header.counterBits);
    this.#pieces = patchBytes(patch, stream);
  }

  async control(): Promise<Control> {
    await this.#refill(START_BYTES);
    this.#coder.start();
    const source = {
      unsigned: async (most: number, what: string) => {
        await this.#ready(1);
        const number = this.#model.field(0);
        if (number <= most) return number;
        throw invalidPatch(this.#patchName, `${what} is above its limit of ${most}`);
      },
    };
    const fields = await readControlFields(this.#header, source, this.#patchName);
    const builder = new CoverBuilder(this.#header, this.#patchName);
    for (let i = 0; i < this.#header.coverCount; i++) {
      const wait = this.#ready(4);
      if (wait !== undefined) await wait;
      builder.add(this.#model.cover(NO_STEP));
    }
    return { ...fields, covers: builder.covers };
  }

  async chunk(): Promise<void> {}

  unchanged(): number {
    return 0;
  }

  mode(length: number): number | Promise<number> {
    const wait = this.#ready(length + 1); // and for its differences
    return wait === undefined ? this.#model.mode(0, length) : wait.then(() => this.#model.mode(0, length));
  }

  correct({ old, predicted, actual, newAt, mode }: BlockBytes): boolean {
    actual.set(predicted);
    this.#model.mix.differences.code(actual, actual, 0, actual.length, newAt, old, mode);
    return Buffer.compare(predicted, actual) !== 0;
  }

  async extra(actual: Uint8Array, newAt: number): Promise<void> {
    for (let at = 0; at < actual.length; at += STEP_BYTES) {
      const wait = this.#ready(STEP_BYTES);
      if (wait !== undefined) await wait;
      this.#model.mix.literals.code(actual, at, Math.min(actual.length, at + STEP_BYTES), newAt + at);
    }
  }

  async requireEnd(): Promise<void> {
    this.#requireInput();
    await this.#refill(1);
    const left = this.#coder.available;
    if (left > 0) throw invalidPatch(this.#patchName, 'the body goes on after the image is complete');
  }

  async close(): Promise<void> {
    await this.#pieces.return();
  }

  /** Sees to it that there is enough input for so many bytes or numbers, or all that is left. */
  #ready(count: number): Promise<void> | undefined {
    this.#requireInput();
    const bytes = mostCompressedBytes(count);
    return this.#ended || this.#coder.available >= bytes ? undefined : this.#refill(bytes);
  }

  async #refill(bytes: number): Promise<void> {
    while (!this.#ended && this.#coder.available < bytes) {
      const next = await this.#pieces.next();
      if (next.done) this.#ended = true;
      else this.#coder.give(next.value);
    }
  }

  #requireInput(): void {
    if (this.#coder.missing <= START_BYTES) return;
    throw invalidPatch(this.#patchName, 'the body is too short for the image it should make');
  }
}
