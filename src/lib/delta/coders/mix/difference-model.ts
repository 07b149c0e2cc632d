import { ByteCoder } from './byte-coder.js';
import type { History } from './match-model.js';
import { type CounterTable, hash, Mixer } from './mixer.js';
import type { BitCoder } from './range-coder.js';

/** Whether any byte differs is said once for each of these, so that equal parts cost no time. */
const GROUP_BYTES = 1024;
/** Then once for each of these: what instructions and pointers are made of. */
const WORD_BYTES = 4;

/**
 * Codes where and how the new image differs from its prediction.
 *
 * Unlike a coder of the differences alone it knows the predicted bytes: which instruction stands
 * there says a lot about whether it changed, and how. Decisions: does this group differ, does this
 * word, does this byte, and the eight bits of the difference.
 */
export class DifferenceModel {
  readonly #groups: Mixer;
  readonly #words: Mixer;
  readonly #bytes: Mixer;
  readonly #values: ByteCoder;
  readonly #table: CounterTable;
  readonly #history: History;
  /** Which groups, words and bytes differed last, one bit each, the last one lowest. */
  #groupsDiffered = 0;
  #wordsDiffered = 0;
  #bytesEqual = 0;
  #equalWords = 0;
  /** What the block in work was made of, and how. */
  #old: Uint8Array = new Uint8Array(0);
  #mode = 0;
  /** The last difference at each place of a word, the last of all, and the one before it. */
  readonly #lastAt = new Int32Array(WORD_BYTES);
  #last = 0;
  #beforeLast = 0;

  constructor(coder: BitCoder, table: CounterTable, history: History) {
    this.#table = table;
    this.#history = history;
    this.#groups = new Mixer(coder, table, { contexts: 3, sets: 4, curves: 1 });
    this.#words = new Mixer(coder, table, { contexts: 4, sets: 16, curves: 512 });
    this.#bytes = new Mixer(coder, table, { contexts: 6, sets: 8, curves: 128 });
    this.#values = new ByteCoder(coder, table, 6, 8);
  }

  /**
   * @param bytes    the prediction; becomes the new image's bytes
   * @param actual   the new image's bytes, in which the same range counts; a decoder gives `bytes` again
   * @param position of `bytes[from]` in the new image
   * @param old      what the prediction was made of, in which the same range counts
   * @param mode     by which it was made
   */
  code(
    bytes: Uint8Array,
    actual: Uint8Array,
    from: number,
    to: number,
    position: number,
    old: Uint8Array,
    mode: number,
  ): void {
    this.#old = old;
    this.#mode = mode;
    for (let at = from; at < to; ) {
      const next = Math.min(to, at + GROUP_BYTES - ((position + at - from) % GROUP_BYTES));
      this.#group(bytes, actual, at, next, position + at - from);
      at = next;
    }
  }

  #group(bytes: Uint8Array, actual: Uint8Array, from: number, to: number, position: number): void {
    const table = this.#table;
    const groups = this.#groups;
    const past = this.#groupsDiffered;
    groups.places[0] = table.cell(hash(41, past & 15));
    groups.places[1] = table.cell(hash(42, past & 255));
    groups.places[2] = table.cell(hash(43, past & 0xffff));
    const differs = groups.code(differ(bytes, actual, from, to), 0, past & 3, 0);
    this.#groupsDiffered = (past << 1) | differs;
    if (differs === 0) {
      this.#wordsDiffered = 0;
      this.#equalWords += (to - from) >> 2;
      this.#history.skip(bytes, from, to);
      return;
    }
    for (let at = from; at < to; ) {
      const place = (position + at - from) % WORD_BYTES;
      const next = Math.min(to, at + WORD_BYTES - place);
      this.#word(bytes, actual, at, next, place);
      at = next;
    }
  }

  #word(bytes: Uint8Array, actual: Uint8Array, from: number, to: number, firstPlace: number): void {
    let predicted = 0;
    for (let at = from, place = firstPlace; at < to; at++, place++) predicted |= bytes[at]! << (8 * place);
    const highest = bytes[to - 1]!;
    const past = this.#wordsDiffered;
    const table = this.#table;
    const words = this.#words;
    const length = to - from;
    const touched = differ(bytes, this.#old, from, to);
    words.places[0] = table.cell(hash(hash(2, highest), length + this.#mode * 8 + touched * 64));
    words.places[1] = table.cell(hash(3, predicted));
    words.places[2] = table.cell(
      hash(hash(4, distanceClass(this.#equalWords)), (highest >> 2) + touched * 256 + this.#mode * 512),
    );
    words.places[3] = table.cell(hash(hash(5, (bytes[from]! & 31) | (highest << 8)), past & 3));
    const set = (past & 3) * 2 + (length === WORD_BYTES ? 1 : 0) + touched * 8;
    const differs = words.code(differ(bytes, actual, from, to), 0, set, (past & 255) + touched * 256);
    this.#wordsDiffered = (past << 1) | differs;
    if (differs === 0) {
      this.#equalWords++;
      for (let at = from; at < to; at++) this.#history.add(bytes[at]!);
      return;
    }
    this.#equalWords = 0;
    const second = length > 1 ? bytes[to - 2]! : bytes[from]!;
    let pattern = 0;
    let before = 0; // the differences in this word so far
    let seen = 0;
    for (let at = from, place = firstPlace; at < to; at++, place++) {
      const byte = bytes[at]!;
      let equal = 0;
      // the last byte of a word that differs must differ when none before it did
      if (at < to - 1 || seen === 1) {
        const mixer = this.#bytes;
        const where = place * 256 + pattern;
        mixer.places[0] = table.cell(hash(hash(12, byte), where));
        mixer.places[1] = table.cell(hash(hash(13, predicted), where));
        mixer.places[2] = table.cell(hash(hash(14, highest), where));
        mixer.places[3] = table.cell(hash(hash(15, this.#lastAt[place]!), where));
        mixer.places[4] = table.cell(hash(hash(16, second | (highest << 8)), where));
        mixer.places[5] = table.cell(hash(hash(18, byte >> 4), pattern * 4 + place));
        equal = mixer.code(bytes[at] === actual[at] ? 1 : 0, 0, place * 2 + seen, pattern * 4 + place);
      }
      this.#bytesEqual = (this.#bytesEqual << 1) | equal;
      pattern = pattern * 2 + equal + 2;
      if (equal === 0) {
        seen = 1;
        const difference = this.#value((actual[at]! - byte) & 255, byte, highest, before, place);
        bytes[at] = byte + difference;
        before = (before << 8) | difference;
        this.#beforeLast = this.#last;
        this.#last = difference;
        this.#lastAt[place] = difference;
      } else before <<= 8;
      this.#history.add(bytes[at]!);
    }
  }

  #value(difference: number, byte: number, highest: number, before: number, place: number): number {
    const { contexts } = this.#values;
    const history = this.#history;
    const lastAt = this.#lastAt[place]!;
    contexts[0] = hash(21, place);
    contexts[1] = hash(23, byte * 4 + place);
    contexts[2] = hash(25, hash(highest * 4 + place, before));
    contexts[3] = hash(26, hash(this.#last, this.#beforeLast * 4 + place));
    contexts[4] = hash(27, hash(highest, lastAt * 4 + place));
    contexts[5] = hash(28, byte * 256 + history.back(1));
    const expected = history.expected < 0 ? -1 : (history.expected - byte) & 255;
    return this.#values.code(difference, expected, history.agreed, place * 2 + (before !== 0 ? 1 : 0));
  }
}

function differ(a: Uint8Array, b: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; at++) if (a[at] !== b[at]) return 1;
  return 0;
}

/** Exact up to 15, then coarser and coarser. */
function distanceClass(words: number): number {
  if (words < 16) return words;
  if (words < 64) return 16 + (words >> 4);
  return words < 1024 ? 20 + (words >> 7) : 28;
}
