import type { OldImage } from '../old-image.js';
import { invalidPatch } from '../patch-error.js';
import { CONTEXT_BYTES } from '../predict/blocks.js';
import { Predictor } from '../predict/predictor.js';
import {
  type Block,
  blockCount,
  blockEnd,
  blocksBetween,
  countBlocksBetween,
  coveredBetween,
  gapsBetween,
} from './blocks.js';
import type { BodyReader } from './body.js';
import type { Control } from './control.js';

/** Makes chunks of the new image, in the order of the patch. */
export class ChunkMaker {
  readonly #control: Control;
  readonly #old: OldImage;
  readonly #body: BodyReader;
  readonly #patchName: string;
  /** Whether each chunk must come out the same when those before it were not made again. */
  readonly #apart: boolean;
  readonly #predictor: Predictor;

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
    for (const { newAt, newEnd, oldAt, coverFrom, coverTo } of coveredBetween(covers, chunkAt, end)) {
      if (body.inImageOrder && newAt > made) await body.extra(bytes.subarray(made - chunkAt, newAt - chunkAt), made);
      for (made = newAt; made < newEnd; ) {
        const from = made;
        const unchanged = body.unchanged(blockCount({ newAt: made, newEnd }, blockBits));
        made = Math.min(newEnd, blockEnd(from, blockBits) + Math.max(0, unchanged - 1) * 2 ** blockBits);
        const actual = bytes.subarray(from - chunkAt, made - chunkAt);
        const block = { newAt: from, oldAt: oldAt + from - newAt, length: made - from, coverFrom, coverTo };
        const making = unchanged > 0 ? this.#old.copy(block.oldAt, actual) : this.#makeBlock(actual, block);
        if (making !== undefined) await making; // most need nothing to be waited for
      }
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

  #makeBlock(actual: Uint8Array, block: Block): Promise<void> | undefined {
    const mode = this.#body.mode(block.length);
    return typeof mode === 'number'
      ? this.#makeInMode(mode, actual, block)
      : mode.then((given) => this.#makeInMode(given, actual, block));
  }

  #makeInMode(mode: number, actual: Uint8Array, block: Block): Promise<void> | undefined {
    const { oldAt, length, coverFrom, coverTo } = block;
    if (mode >= this.#predictor.modeCount) {
      const known = this.#predictor.modeCount - 1;
      throw invalidPatch(this.#patchName, `a block has mode ${mode}, known are 0 to ${known}`);
    }
    const from = this.#apart ? coverFrom : 0;
    const to = this.#apart ? coverTo : this.#old.size;
    const before = mode === 0 ? 0 : Math.min(oldAt - from, CONTEXT_BYTES);
    const after = mode === 0 ? 0 : Math.min(to - oldAt - length, CONTEXT_BYTES);
    const around = this.#old.view(oldAt - before, before + length + after);
    return around instanceof Promise
      ? around.then((held) => this.#correct(mode, held, before, actual, block))
      : this.#correct(mode, around, before, actual, block);
  }

  /** @param around the block's old bytes, behind `before` others */
  #correct(
    mode: number,
    around: Uint8Array,
    before: number,
    actual: Uint8Array,
    { oldAt, newAt, length }: Block,
  ): Promise<void> | undefined {
    const predictor = this.#predictor;
    const old = around.subarray(before, before + length);
    const predicted = mode === 0 ? old : predictor.predict(mode, around, before, length, oldAt, newAt);
    const learn = (differs: boolean) => {
      if (mode !== 0 && differs) predictor.learn(mode, around, before, actual, oldAt, newAt);
    };
    const differs = this.#body.correct({ old, predicted, actual, newAt, mode });
    if (typeof differs !== 'boolean') return differs.then(learn);
    learn(differs);
    return undefined;
  }
}
