import type { ContextMixer } from './context-mixer.js';
import { EXTRA_SETS } from './weight-sets.js';

const INPUTS = 8;
const MATCH_BITS = 16;
const MOST_MATCH = 31;

/** Codes bytes that no cover makes, by the bytes before them. */
export class ExtraModel {
  readonly #mixer: ContextMixer;
  /** Extra bytes of late, for contexts and for matches. */
  readonly #history: Uint8Array;
  readonly #places = new Int32Array(2 ** MATCH_BITS).fill(-1);
  #at = 0;
  #match = -1;
  #matchLength = 0;

  constructor(mixer: ContextMixer, historyBits: number) {
    this.#mixer = mixer;
    this.#history = new Uint8Array(2 ** historyBits);
  }

  bytes(actual: Uint8Array, newAt: number): void {
    for (let i = 0; i < actual.length; i++) actual[i] = this.#byte(actual[i]!, newAt + i, i);
  }

  #byte(byte: number, place: number, since: number): number {
    const mixer = this.#mixer;
    const { contexts } = mixer;
    const history = this.#history;
    const mask = history.length - 1;
    const at = this.#at;
    const b1 = history[(at - 1) & mask]!;
    const b2 = history[(at - 2) & mask]!;
    const b3 = history[(at - 3) & mask]!;
    const b4 = history[(at - 4) & mask]!;
    const b8 = history[(at - 8) & mask]!;
    const phase = place & 3;
    const expected = this.#match >= 0 ? history[this.#match & mask]! : -1;
    const order3 = b1 | (b2 << 8) | (b3 << 16);
    const c = contexts;
    c[0] = mixer.place(Math.imul(phase + 1, 0x2c1b_3c6d) + 0x11);
    c[1] = mixer.place(Math.imul(b1 + 0x100, 0x297a_2d39) + phase);
    c[2] = mixer.place(Math.imul((order3 & 0xffff) + 0x20000, 0x1b87_3593));
    c[3] = mixer.place(Math.imul(order3 + 0x1000000, 0x85eb_ca6b));
    c[4] = mixer.place(Math.imul(order3 ^ Math.imul(b4 + 1, 0x0135_7bdf), 0x27d4_eb2f) + 5);
    c[5] = mixer.place(Math.imul(b4 * 4 + phase + 0x4000, 0x1656_67b1) + b8 * 0x10001);
    c[6] = mixer.place(Math.imul((b4 << 8) + b1 + 0x70000, 0x7feb_352d) + phase);
    c[7] = mixer.place(Math.imul((expected + 1) * 32 + this.#matchLength + 0x90000, 0x51ed_270b));
    const confidence = expected < 0 ? 0 : this.#matchLength < 16 ? 1 : 2;
    const set = EXTRA_SETS + confidence * 8 + (since < 4 ? 4 : 0);
    let node = 1;
    for (let bit = 7; bit >= 4; bit--) node = node * 2 + mixer.code((byte >> bit) & 1, node, set, INPUTS);
    const high = node & 15;
    for (let i = 0; i < INPUTS; i++) c[i] = mixer.place(c[i]! + Math.imul(high + 1, 0x7feb_352d));
    node = 1;
    for (let bit = 3; bit >= 0; bit--) node = node * 2 + mixer.code((byte >> bit) & 1, node, set + 1, INPUTS);
    const got = high * 16 + (node & 15);

    history[at & mask] = got;
    this.#at = at + 1;
    if (this.#match >= 0 && expected === got) {
      this.#match++;
      if (this.#matchLength < MOST_MATCH) this.#matchLength++;
    } else {
      this.#matchLength = 0;
      this.#match = -1;
    }
    const key = Math.imul(got | (b1 << 8) | (b2 << 16) | (b3 << 24), 0x9e37_79b1) >>> (32 - MATCH_BITS);
    if (this.#match < 0) {
      const found = this.#places[key]!;
      if (found >= 0 && at + 1 - found < mask) {
        this.#match = found;
        this.#matchLength = 1;
      }
    }
    this.#places[key] = at + 1;
    return got;
  }
}
