import type { ContextMixer } from './context-mixer.js';
import { DIFFERENCE_SETS } from './weight-sets.js';

/** Bytes of a group, which has a flag of its own that says whether anything differs in it. */
const GROUP_BYTES = 64;

/**
 * Codes where and how the new bytes of a block differ from those predicted.
 *
 * A flag says whether the block differs at all, one for each group of 64 bytes whether it does, one for
 * each word; a word that differs is coded as the difference of 32-bit numbers, its lowest byte first.
 */
export class DifferenceModel {
  readonly #mixer: ContextMixer;
  #blockHistory = 0;
  #groupHistory = 0;
  #wordHistory = 0;
  #lastDifference = 0;
  #beforeLast = 0;
  #sinceLast = 0;
  /** The last difference of words with some highest byte. */
  readonly #byTop = new Int32Array(256);

  constructor(mixer: ContextMixer) {
    this.#mixer = mixer;
  }

  /**
   * @param old       bytes before prediction
   * @param predicted
   * @param actual    what the new image has there: read when encoding, written when decoding
   * @param newAt     place of the first byte in the new image
   * @returns whether anything differs
   */
  block(old: Uint8Array, predicted: Uint8Array, actual: Uint8Array, newAt: number, mode: number): boolean {
    const mixer = this.#mixer;
    const length = actual.length;
    let equal = 1;
    for (let i = 0; i < length; i++) {
      if (predicted[i] !== actual[i]) {
        equal = 0;
        break;
      }
    }
    const history = this.#blockHistory;
    mixer.contexts[0] = mixer.place(0x100 + mode);
    mixer.contexts[1] = mixer.place(0x1000 + (mode << 8) + (history & 0xff));
    mixer.contexts[2] = mixer.place(0x2000 + (mode << 8) + (history & 3) * 64 + Math.min(63, length >> 4));
    equal = mixer.code(equal, 0, DIFFERENCE_SETS, 3);
    this.#blockHistory = (history << 1) | (1 - equal);
    if (equal === 1) {
      actual.set(predicted);
      return false;
    }
    for (let from = 0; from < length; ) {
      const to = Math.min(length, from + GROUP_BYTES - ((newAt + from) & (GROUP_BYTES - 1)));
      this.#group(old, predicted, actual, from, to, newAt, mode);
      from = to;
    }
    return true;
  }

  #group(
    old: Uint8Array,
    predicted: Uint8Array,
    actual: Uint8Array,
    from: number,
    to: number,
    newAt: number,
    mode: number,
  ): void {
    const mixer = this.#mixer;
    let equal = 1;
    let touched = 0;
    for (let i = from; i < to; i++) {
      if (predicted[i] !== actual[i]) equal = 0;
      if (predicted[i] !== old[i]) touched++;
    }
    const history = this.#groupHistory;
    mixer.contexts[0] = mixer.place(0x4000 + (mode << 8) + (history & 0xff));
    mixer.contexts[1] = mixer.place(0x5000 + (mode << 8) + (history & 3) * 64 + Math.min(63, touched));
    mixer.contexts[2] = mixer.place(0x6000 + (mode << 8) + (history & 3) * 64 + (to - from - 1));
    equal = mixer.code(equal, 0, DIFFERENCE_SETS + 1, 3);
    this.#groupHistory = (history << 1) | (1 - equal);
    if (equal === 1) {
      for (let i = from; i < to; i++) actual[i] = predicted[i]!;
      return;
    }
    for (let at = from; at < to; ) {
      const end = Math.min(to, at + 4 - ((newAt + at) & 3));
      this.#word(old, predicted, actual, at, end, mode);
      at = end;
    }
  }

  #word(old: Uint8Array, predicted: Uint8Array, actual: Uint8Array, from: number, to: number, mode: number): void {
    const mixer = this.#mixer;
    const { contexts } = mixer;
    let was = 0;
    let guess = 0;
    let is = 0;
    for (let i = to - 1; i >= from; i--) {
      was = (was << 8) | old[i]!;
      guess = (guess << 8) | predicted[i]!;
      is = (is << 8) | actual[i]!;
    }
    const length = to - from;
    const top = predicted[to - 1]!;
    const touched = was === guess ? 0 : 1;
    const history = this.#wordHistory;
    const previous = from >= 4 ? predicted[from - 1]! : 256;
    const kind = mode * 8 + touched * 4 + (length - 1);

    contexts[0] = mixer.place(0x10000 + kind * 256 + top);
    contexts[1] = mixer.place(Math.imul(guess, 0x2c1b_3c6d) + 0x20000 + kind);
    contexts[2] = mixer.place(0x30000 + kind * 4096 + (history & 0xfff));
    contexts[3] = mixer.place(Math.imul(top * 512 + previous, 0x297a_2d39) + 0x40000 + kind);
    contexts[4] = mixer.place(Math.imul(was, 0x1b87_3593) + 0x50000 + kind);
    contexts[5] = mixer.place(
      Math.imul(guess >>> 16, 0x85eb_ca6b) + Math.imul(history & 3, 0x1234567) + 0x60000 + kind,
    );
    const equal = mixer.code(is === guess ? 1 : 0, 0, DIFFERENCE_SETS + 2 + touched, 6);
    this.#wordHistory = (history << 1) | (1 - equal);
    if (equal === 1) {
      this.#sinceLast++;
      for (let i = from; i < to; i++) actual[i] = predicted[i]!;
      return;
    }

    const difference = (is - guess) | 0;
    let made = 0;
    const byTop = this.#byTop[top]!;
    for (let i = 0; i < length; i++) {
      const salt = Math.imul(made + 1, 0x9e37_79b1) + i * 0x3243_f6a9 + kind * 0x51ed;
      contexts[0] = mixer.place(salt + 0x101);
      contexts[1] = mixer.place(salt ^ Math.imul(top + 0x202, 0x2c1b_3c6d));
      contexts[2] = mixer.place(salt ^ Math.imul(guess + 0x303, 0x297a_2d39));
      contexts[3] = mixer.place(salt ^ Math.imul(this.#lastDifference + 0x404, 0x1b87_3593));
      contexts[4] = mixer.place(salt ^ Math.imul(byTop + 0x505, 0x85eb_ca6b));
      contexts[5] = mixer.place(
        salt ^ Math.imul((this.#lastDifference ^ Math.imul(this.#beforeLast, 77)) + 0x606, 0x27d4_eb2f),
      );
      contexts[6] = mixer.place(
        salt ^ Math.imul((guess >>> 16) * 64 + Math.min(63, this.#sinceLast) + 0x707, 0x1656_67b1),
      );
      const byte = this.#byte(
        (difference >>> (8 * i)) & 0xff,
        DIFFERENCE_SETS + 8 + i * 4,
        i === length - 1 && made === 0,
      );
      made |= byte << (8 * i);
    }
    const made32 = (guess + made) | 0;
    for (let i = 0; i < length; i++) actual[from + i] = (made32 >>> (8 * i)) & 0xff;
    this.#beforeLast = this.#lastDifference;
    this.#lastDifference = made;
    this.#byTop[top] = made;
    this.#sinceLast = 0;
  }

  /** @param certain the byte cannot be zero */
  #byte(byte: number, set: number, certain: boolean): number {
    const mixer = this.#mixer;
    const { contexts } = mixer;
    if (!certain && mixer.code(byte === 0 ? 1 : 0, 0, set, 7) === 1) return 0;
    let node = 1;
    for (let bit = 7; bit >= 4; bit--) node = node * 2 + mixer.code((byte >> bit) & 1, node, set + 1, 7);
    const high = node & 15;
    for (let i = 0; i < 7; i++) contexts[i] = mixer.place(contexts[i]! + Math.imul(high + 1, 0x7feb_352d));
    node = 1;
    for (let bit = 3; bit >= 0; bit--) node = node * 2 + mixer.code((byte >> bit) & 1, node, set + 2, 7);
    return high * 16 + (node & 15);
  }
}
