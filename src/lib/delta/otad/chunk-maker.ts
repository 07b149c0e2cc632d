import { OLD_PAGE_BYTES, type OldImage } from '../old-image.js';
import { invalidPatch } from '../patch-error.js';
import { CONTEXT_BYTES } from '../predict/blocks.js';
import { Predictor } from '../predict/predictor.js';
import { type Block, blocksBetween, countBlocksBetween, gapsBetween } from './blocks.js';
import type { BodyReader } from './body.js';
import { type Control, MOST_BLOCK_BITS } from './control.js';

/** Makes chunks of the new image, in the order of the patch. */
export class ChunkMaker {
  readonly #control: Control;
  readonly #old: OldImage;
  readonly #body: BodyReader;
  readonly #patchName: string;
  /** Whether each chunk must come out the same when those before it were not made again. */
  readonly #apart: boolean;
  readonly #predictor: Predictor;
  /** Old bytes of a block and around it. */
  readonly #scratch = new Uint8Array(2 ** MOST_BLOCK_BITS + 2 * CONTEXT_BYTES);

  /** @param apart for patches that are applied in place: a chunk sees and learns nothing of others */
  constructor(control: Control, old: OldImage, body: BodyReader, patchName: string, apart: boolean) {
    this.#control = control;
    this.#old = old;
    this.#body = body;
    this.#patchName = patchName;
    this.#apart = apart;
    this.#predictor = new Predictor(control.spaces, control.covers);
  }

  /** Fills `bytes` with the chunk of the new image from `chunkAt` on. */
  async make(bytes: Uint8Array, chunkAt: number): Promise<void> {
    const { covers, blockBits } = this.#control;
    const body = this.#body;
    const end = chunkAt + bytes.length;
    let made = chunkAt;
    if (this.#apart) this.#predictor.forget();
    await body.chunk(countBlocksBetween(covers, blockBits, chunkAt, end));
    for (const block of blocksBetween(covers, blockBits, chunkAt, end)) {
      const { newAt, length } = block;
      if (body.inImageOrder && newAt > made) await body.extra(bytes.subarray(made - chunkAt, newAt - chunkAt), made);
      await this.#makeBlock(bytes.subarray(newAt - chunkAt, newAt - chunkAt + length), block);
      made = newAt + length;
    }
    for (const [start, gapEnd] of gapsBetween(covers, body.inImageOrder ? made : chunkAt, end)) {
      await body.extra(bytes.subarray(start - chunkAt, gapEnd - chunkAt), start);
    }
  }

  /** Passes over a chunk that is there already; `bytes` get something. Not for bodies that need the old bytes. */
  async skip(bytes: Uint8Array, chunkAt: number): Promise<void> {
    const { covers, blockBits } = this.#control;
    const end = chunkAt + bytes.length;
    await this.#body.chunk(countBlocksBetween(covers, blockBits, chunkAt, end));
    for (const { newAt, length } of blocksBetween(covers, blockBits, chunkAt, end)) {
      const actual = bytes.subarray(newAt - chunkAt, newAt - chunkAt + length);
      const mode = await this.#body.mode(length);
      await this.#body.correct({ old: actual, predicted: actual, actual, newAt, mode });
    }
    for (const [start, gapEnd] of gapsBetween(covers, chunkAt, end)) {
      await this.#body.extra(bytes.subarray(start - chunkAt, gapEnd - chunkAt), start);
    }
  }

  async #makeBlock(actual: Uint8Array, { oldAt, newAt, length, coverFrom, coverTo }: Block): Promise<void> {
    const given = this.#body.mode(length);
    const mode = typeof given === 'number' ? given : await given;
    const predictor = this.#predictor;
    if (mode >= predictor.modeCount) {
      throw invalidPatch(this.#patchName, `a block has mode ${mode}, known are 0 to ${predictor.modeCount - 1}`);
    }
    const from = this.#apart ? coverFrom : 0;
    const to = this.#apart ? coverTo : this.#old.size;
    const before = mode === 0 ? 0 : Math.min(oldAt - from, CONTEXT_BYTES);
    const after = mode === 0 ? 0 : Math.min(to - oldAt - length, CONTEXT_BYTES);
    const around = this.#scratch.subarray(0, before + length + after);
    const copying = copyOld(this.#old, oldAt - before, around);
    if (copying !== undefined) await copying;
    const old = around.subarray(before, before + length);
    const predicted = mode === 0 ? old : predictor.predict(mode, around, before, length, oldAt, newAt);
    const correcting = this.#body.correct({ old, predicted, actual, newAt, mode });
    const differs = typeof correcting === 'boolean' ? correcting : await correcting;
    if (mode !== 0 && differs) predictor.learn(mode, around, before, actual, oldAt, newAt);
  }
}

/** @returns a promise where the old image must be waited for */
function copyOld(old: OldImage, position: number, into: Uint8Array): Promise<void> | undefined {
  const page = old.heldPage(position);
  const pageAt = position % OLD_PAGE_BYTES;
  if (page === undefined || pageAt + into.length > page.length) return copyAcrossPages(old, position, into);
  into.set(page.subarray(pageAt, pageAt + into.length));
  return undefined;
}

async function copyAcrossPages(old: OldImage, position: number, into: Uint8Array): Promise<void> {
  for (let copied = 0; copied < into.length; ) {
    const from = position + copied;
    const page = old.heldPage(from) ?? (await old.loadPage(from));
    const part = page.subarray(from % OLD_PAGE_BYTES).subarray(0, into.length - copied);
    into.set(part, copied);
    copied += part.length;
  }
}
