import type { BitCoder } from './bit-coder.js';
import { PROBABILITY_START, reverseTreeBits, treeBits } from './bit-coder.js';
import {
  type DecisionKind,
  LITERAL,
  type LzmaDecision,
  MATCH,
  REPEAT_0,
  RecentDistances,
  SHORT_REPEAT,
} from './lzma-decision.js';

/** lc, lp and pb of the format: bits of the last byte, and of the position, that are context. */
export interface LzmaProperties {
  readonly literalContextBits: number;
  readonly literalPositionBits: number;
  readonly positionBits: number;
}

const STATES = 12;
const POSITION_STATES = 16;
const LENGTH_CONTEXTS = 2 + 2 * (POSITION_STATES << 3) + 256;
const LITERAL_CONTEXTS = 0x300;

// where each family of probabilities begins
const IS_MATCH = 0;
const IS_REPEAT = IS_MATCH + STATES * POSITION_STATES;
const IS_REPEAT_G0 = IS_REPEAT + STATES;
const IS_REPEAT_G1 = IS_REPEAT_G0 + STATES;
const IS_REPEAT_G2 = IS_REPEAT_G1 + STATES;
const IS_LONG_G0 = IS_REPEAT_G2 + STATES;
const SLOT = IS_LONG_G0 + STATES * POSITION_STATES;
const SPECIAL = SLOT + 4 * 64;
const ALIGN = SPECIAL + 128;
const MATCH_LENGTH = ALIGN + 16;
const REPEAT_LENGTH = MATCH_LENGTH + LENGTH_CONTEXTS;
const LITERALS = REPEAT_LENGTH + LENGTH_CONTEXTS;

/**
 * The state and the probabilities of LZMA (LZMA SDK, lzma-specification.txt), walked one decision
 * at a time by an encoder or a decoder.
 */
export class LzmaModel implements LzmaDecision {
  /** What was coded last. */
  kind: DecisionKind = LITERAL;
  /** Bytes. */
  length = 0;
  /** Bytes back, less one. */
  distance = 0;
  readonly #recent = new RecentDistances();
  readonly #properties: LzmaProperties;
  readonly #probabilities: Uint16Array;
  #state = 0;

  constructor(properties: LzmaProperties) {
    const { literalContextBits, literalPositionBits } = properties;
    this.#properties = properties;
    const count = LITERALS + (LITERAL_CONTEXTS << (literalContextBits + literalPositionBits));
    this.#probabilities = new Uint16Array(count).fill(PROBABILITY_START);
  }

  /**
   * Codes one decision; what it was stands in `kind`, `length` and `distance`.
   *
   * A literal is read from `content` by an encoder and written there by a decoder; a match is
   * copied by the caller, who also checks that it lies inside the content.
   *
   * @param at where the decision stands, inside the content
   */
  code(coder: BitCoder, content: Uint8Array, at: number, kind: DecisionKind, length: number, distance: number): void {
    const positionState = at & ((1 << this.#properties.positionBits) - 1);
    const state = this.#state;
    const probabilities = this.#probabilities;
    const isMatch = coder.bit(
      probabilities,
      IS_MATCH + state * POSITION_STATES + positionState,
      Number(kind !== LITERAL),
    );
    if (isMatch === 0) {
      this.#literal(coder, content, at);
    } else if (coder.bit(probabilities, IS_REPEAT + state, Number(kind !== MATCH)) === 0) {
      this.#match(coder, positionState, length, distance);
    } else {
      this.#repeat(coder, positionState, kind, length);
    }
  }

  #literal(coder: BitCoder, content: Uint8Array, at: number): void {
    const { literalContextBits, literalPositionBits } = this.#properties;
    const probabilities = this.#probabilities;
    const previous = at > 0 ? content[at - 1]! : 0;
    const position = at & ((1 << literalPositionBits) - 1);
    const context = (position << literalContextBits) + (previous >> (8 - literalContextBits));
    const base = LITERALS + LITERAL_CONTEXTS * context;
    const byte = content[at]!;
    let node = 1;
    let i = 7;
    if (this.#state >= 7) {
      // after a match: the byte that would have continued it is context, as long as it agrees
      const expected = content[at - this.#recent.repeated(SHORT_REPEAT) - 1] ?? 0;
      for (let agrees = true; i >= 0 && agrees; i--) {
        const expectedBit = (expected >> i) & 1;
        const bit = coder.bit(probabilities, base + ((1 + expectedBit) << 8) + node, (byte >> i) & 1);
        node = (node << 1) | bit;
        agrees = bit === expectedBit;
      }
    }
    for (; i >= 0; i--) node = (node << 1) | coder.bit(probabilities, base + node, (byte >> i) & 1);
    content[at] = node;
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6;
    this.kind = LITERAL;
    this.length = 1;
    this.distance = 0;
  }

  #match(coder: BitCoder, positionState: number, length: number, distance: number): void {
    this.length = this.#codeLength(coder, MATCH_LENGTH, positionState, length);
    this.distance = this.#codeDistance(coder, Math.min(this.length - 2, 3), distance);
    this.#recent.remember(MATCH, this.distance);
    this.#state = this.#state < 7 ? 7 : 10;
    this.kind = MATCH;
  }

  #repeat(coder: BitCoder, positionState: number, kind: DecisionKind, length: number): void {
    const state = this.#state;
    const probabilities = this.#probabilities;
    let index = coder.bit(probabilities, IS_REPEAT_G0 + state, Number(kind > REPEAT_0));
    if (index === 0) {
      const isLong = coder.bit(
        probabilities,
        IS_LONG_G0 + state * POSITION_STATES + positionState,
        Number(kind === REPEAT_0),
      );
      if (isLong === 0) {
        this.#state = state < 7 ? 9 : 11;
        this.kind = SHORT_REPEAT;
        this.length = 1;
        this.distance = this.#recent.repeated(SHORT_REPEAT);
        return;
      }
    } else {
      index += coder.bit(probabilities, IS_REPEAT_G1 + state, Number(kind > REPEAT_0 + 1));
      if (index === 2) index += coder.bit(probabilities, IS_REPEAT_G2 + state, Number(kind > REPEAT_0 + 2));
    }
    this.length = this.#codeLength(coder, REPEAT_LENGTH, positionState, length);
    this.#state = state < 7 ? 8 : 11;
    this.kind = (REPEAT_0 + index) as DecisionKind;
    this.distance = this.#recent.repeated(this.kind);
    this.#recent.remember(this.kind, this.distance);
  }

  #codeLength(coder: BitCoder, at: number, positionState: number, length: number): number {
    const probabilities = this.#probabilities;
    const low = at + 2 + (positionState << 3);
    if (coder.bit(probabilities, at, Number(length >= 10)) === 0) {
      return 2 + treeBits(coder, probabilities, low, 3, length - 2);
    }
    if (coder.bit(probabilities, at + 1, Number(length >= 18)) === 0) {
      return 10 + treeBits(coder, probabilities, low + (POSITION_STATES << 3), 3, length - 10);
    }
    return 18 + treeBits(coder, probabilities, at + 2 + 2 * (POSITION_STATES << 3), 8, length - 18);
  }

  #codeDistance(coder: BitCoder, lengthState: number, distance: number): number {
    const probabilities = this.#probabilities;
    const slot = treeBits(coder, probabilities, SLOT + (lengthState << 6), 6, slotOf(distance));
    if (slot < 4) return slot;
    const bitCount = (slot >> 1) - 1;
    const base = (2 | (slot & 1)) * 2 ** bitCount;
    const rest = distance - base;
    if (slot < 14) return base + reverseTreeBits(coder, probabilities, SPECIAL + base - slot, bitCount, rest);
    const high = coder.evenBits(bitCount - 4, Math.floor(rest / 16));
    return base + high * 16 + reverseTreeBits(coder, probabilities, ALIGN, 4, rest & 15);
  }
}

/** Two bits for each power of two. */
function slotOf(distance: number): number {
  if (distance < 4) return distance;
  const highBit = 31 - Math.clz32(distance);
  return highBit * 2 + ((distance >>> (highBit - 1)) & 1);
}
