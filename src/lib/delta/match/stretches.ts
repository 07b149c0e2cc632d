import { CoverList } from './cover-list.js';
import type { Covers } from './covers.js';
import type { Hint } from './find-segments.js';
import { outside, type Pieces } from './pieces.js';

/** This much of an equal stretch stays at both its ends: where a cover best ends is found out later. */
const MARGIN_BYTES = 128;

/** A cover of its own. */
interface Stretch {
  readonly newAt: number;
  readonly oldAt: number;
  readonly length: number;
}

/** Long equal stretches that were taken beforehand, without their margins, and what is left of the images. */
export class Stretches {
  readonly #inner: Stretch[] = [];

  /** @param covers exact ones, longer than two margins */
  constructor({ count, newAt, oldAt, length }: Covers) {
    for (let i = 0; i < count; i++) {
      this.#inner.push({
        newAt: newAt[i]! + MARGIN_BYTES,
        oldAt: oldAt[i]! + MARGIN_BYTES,
        length: length[i]! - 2 * MARGIN_BYTES,
      });
    }
  }

  restOfOld(size: number): Pieces {
    return outside(
      size,
      this.#inner.map(({ oldAt, length }) => [oldAt, oldAt + length]),
    );
  }

  restOfTarget(size: number): Pieces {
    return outside(
      size,
      this.#inner.map(({ newAt, length }) => [newAt, newAt + length]),
    );
  }

  /** What the stretches tell of the pieces beside them. */
  hints(old: Pieces, target: Pieces): Hint[] {
    const hints: Hint[] = [];
    for (const { newAt, oldAt, length } of this.#inner) {
      for (const offset of [-MARGIN_BYTES, length]) {
        const at = target.placeOf(newAt + offset);
        const oldPlace = old.placeOf(oldAt + offset);
        if (at !== undefined && oldPlace !== undefined) hints.push({ at, diagonal: oldPlace - at });
      }
    }
    return hints;
  }

  /** Where in the old image a byte of the new one is expected: on the diagonal of the last stretch before it. */
  expectedAt(newAt: number): number {
    const before = this.#inner.findLast((stretch) => stretch.newAt <= newAt);
    return Math.max(0, before === undefined ? newAt : newAt - before.newAt + before.oldAt);
  }

  /** These covers of the rest, and the stretches, in the order of the new image. */
  joined({ count, newAt, oldAt, length }: Covers): Covers {
    const joined = new JoinedCovers();
    let next = 0;
    const takeBefore = (at: number) => {
      while (next < this.#inner.length && this.#inner[next]!.newAt < at) joined.add(this.#inner[next++]!);
    };
    for (let i = 0; i < count; i++) {
      takeBefore(newAt[i]!);
      joined.add({ newAt: newAt[i]!, oldAt: oldAt[i]!, length: length[i]! });
    }
    takeBefore(Number.POSITIVE_INFINITY);
    return { ...joined.covers(), exact: this.#covers() };
  }

  #covers(): Covers {
    const list = new CoverList();
    for (const { newAt, oldAt, length } of this.#inner) list.add(newAt, oldAt, length);
    return list.covers();
  }
}

/** Makes one cover of those that go on with the last. */
class JoinedCovers {
  readonly #list = new CoverList();
  #newAt = 0;
  #oldAt = 0;
  #length = 0;

  add({ newAt, oldAt, length }: Stretch): void {
    if (newAt === this.#newAt + this.#length && oldAt === this.#oldAt + this.#length) {
      this.#length += length;
      return;
    }
    this.#flush();
    this.#newAt = newAt;
    this.#oldAt = oldAt;
    this.#length = length;
  }

  covers(): Covers {
    this.#flush();
    return this.#list.covers();
  }

  #flush(): void {
    if (this.#length > 0) this.#list.add(this.#newAt, this.#oldAt, this.#length);
    this.#length = 0;
  }
}
