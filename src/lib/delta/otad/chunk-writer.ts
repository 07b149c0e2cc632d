import type { ImageBytes } from '../image/image-bytes.js';
import { CONTEXT_BYTES } from '../predict/blocks.js';
import { Predictor } from '../predict/predictor.js';
import { type Block, blocksBetween, countBlocksBetween, gapsBetween } from './blocks.js';
import type { BodyWriter } from './body.js';
import type { Control } from './control.js';

/** Extra bytes that are handed on at once. */
const STEP_BYTES = 2048;

/** Writes chunks of the new image, in the order of the patch. */
export class ChunkWriter {
  readonly #control: Control;
  readonly #modes: Uint8Array;
  readonly #old: ImageBytes;
  readonly #target: ImageBytes;
  readonly #body: BodyWriter;
  readonly #apart: boolean;
  readonly #predictor: Predictor;

  /**
   * @param modes of all blocks, in the order of the new image
   * @param apart for patches that are applied in place: a chunk sees and learns nothing of others
   */
  constructor(
    control: Control,
    modes: Uint8Array,
    { old, target }: { old: ImageBytes; target: ImageBytes },
    body: BodyWriter,
    apart: boolean,
  ) {
    this.#control = control;
    this.#modes = modes;
    this.#old = old;
    this.#target = target;
    this.#body = body;
    this.#apart = apart;
    this.#predictor = new Predictor(control.spaces, control.covers);
  }

  /** Writes the chunk of the new image between two places. */
  async write(chunkAt: number, end: number): Promise<void> {
    const { covers, blockBits } = this.#control;
    const body = this.#body;
    let index = countBlocksBetween(covers, blockBits, 0, chunkAt);
    let written = chunkAt;
    if (this.#apart) this.#predictor.forget();
    await body.chunk(this.#modes.subarray(index, index + countBlocksBetween(covers, blockBits, chunkAt, end)));
    for (const block of blocksBetween(covers, blockBits, chunkAt, end)) {
      const { newAt, length } = block;
      if (body.inImageOrder && newAt > written) await this.#writeExtra(written, newAt);
      await this.#writeBlock(this.#modes[index++]!, block);
      written = newAt + length;
    }
    for (const [start, gapEnd] of gapsBetween(covers, body.inImageOrder ? written : chunkAt, end)) {
      await this.#writeExtra(start, gapEnd);
    }
  }

  async #writeExtra(from: number, to: number): Promise<void> {
    for (let at = from; at < to; at += STEP_BYTES) {
      await this.#body.extra(this.#target.view(at, Math.min(STEP_BYTES, to - at)), at);
    }
  }

  async #writeBlock(mode: number, { oldAt, newAt, length, coverFrom, coverTo }: Block): Promise<void> {
    const from = this.#apart ? coverFrom : 0;
    const to = this.#apart ? coverTo : this.#old.size;
    const before = mode === 0 ? 0 : Math.min(oldAt - from, CONTEXT_BYTES);
    const after = mode === 0 ? 0 : Math.min(to - oldAt - length, CONTEXT_BYTES);
    const around = this.#old.view(oldAt - before, before + length + after);
    const old = around.subarray(before, before + length);
    const predicted = mode === 0 ? old : this.#predictor.predict(mode, around, before, length, oldAt, newAt);
    const actual = this.#target.view(newAt, length);
    const correcting = this.#body.correct({ old, predicted, actual, newAt, mode });
    const differs = typeof correcting === 'boolean' ? correcting : await correcting;
    if (mode !== 0 && differs) this.#predictor.learn(mode, around, before, actual, oldAt, newAt);
  }
}
