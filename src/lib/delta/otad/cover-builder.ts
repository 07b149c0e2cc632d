import type { Covers } from '../match/covers.js';
import { invalidPatch } from '../patch-error.js';
import type { OtadHeader } from './header.js';

/** One cover, as a patch tells it: relative to the one before. */
export interface CoverStep {
  /** Bytes of the new image between the end of the last cover and this one. */
  gap: number;
  /** Bytes. */
  length: number;
  /** Old position minus new position. */
  shift: number;
}

/** Puts covers together from what a patch says, and lets only those through that lie inside both images. */
export class CoverBuilder {
  readonly covers: Covers;
  readonly #header: OtadHeader;
  readonly #patchName: string;
  #built = 0;
  #end = 0;

  constructor(header: OtadHeader, patchName: string) {
    const count = header.coverCount;
    this.covers = {
      count,
      newAt: new Int32Array(count),
      oldAt: new Int32Array(count),
      length: new Int32Array(count),
    };
    this.#header = header;
    this.#patchName = patchName;
  }

  /** @throws OtaError PATCH_INVALID */
  add({ gap, length, shift }: CoverStep): void {
    const { baseSize, targetSize } = this.#header;
    const start = this.#end + gap;
    const end = start + length;
    if (end > targetSize) {
      throw invalidPatch(
        this.#patchName,
        `a cover makes bytes ${start} to ${end} of the new image, which has ${targetSize}`,
      );
    }
    const oldStart = start + shift;
    if (oldStart < 0 || oldStart + length > baseSize) {
      throw invalidPatch(
        this.#patchName,
        `a cover reads bytes ${oldStart} to ${oldStart + length} of the old image, which has ${baseSize}`,
      );
    }
    this.covers.newAt[this.#built] = start;
    this.covers.oldAt[this.#built] = oldStart;
    this.covers.length[this.#built] = length;
    this.#built++;
    this.#end = end;
  }
}

/** The steps that tell covers. */
export function* coverSteps({ count, newAt, oldAt, length }: Covers): Generator<CoverStep> {
  for (let i = 0, end = 0; i < count; i++) {
    yield { gap: newAt[i]! - end, length: length[i]!, shift: oldAt[i]! - newAt[i]! };
    end = newAt[i]! + length[i]!;
  }
}
