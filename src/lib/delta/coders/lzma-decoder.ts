import { copyMatch } from './lzma-copy.js';
import {
  INPUT_BYTES,
  IS_LONG_REPEAT_0,
  IS_MATCH,
  IS_REPEAT,
  IS_REPEAT_0,
  IS_REPEAT_1,
  IS_REPEAT_2,
  LITERAL_CODER,
  LITERALS,
  LzmaError,
  type LzmaParameters,
  MATCH_LENGTH,
  probabilityCount,
  REPEAT_LENGTH,
  requireLzmaParameters,
} from './lzma-model.js';
import { END_MARKER, readDistance, readLength } from './lzma-numbers.js';
import { RANGE_START_BYTES, RangeDecoder } from './lzma-range.js';

/** No symbol takes more bytes of input: 22 modelled bits of at most 6.05 bits each, and 26 direct ones. */
const SYMBOL_BYTES = 20;
const NONE = new Uint8Array(0);

/** What the state was made by: 0 to 6 a literal, 7 to 11 a match. */
const FIRST_MATCH_STATE = 7;
const AFTER_LITERAL = Uint8Array.of(0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 4, 5);

/**
 * Decodes one raw LZMA1 stream whose decoded size is known. Input arrives in pieces of any size, output is taken in
 * pieces of any size; it holds the dictionary, the probabilities and 64 KiB of input, and allocates nothing later.
 *
 * @throws LzmaError from {@link read} and {@link finish}
 * @see LZMA SDK, lzma-specification.txt
 */
export class LzmaDecoder {
  readonly #parameters: LzmaParameters;
  readonly #coder: RangeDecoder;
  #inputEnd = 0;
  #inputComplete = false;
  #started = false;
  /** The bytes made last, a ring. */
  readonly #window: Uint8Array;
  #windowAt = 0;
  #made = 0;
  #state = 0;
  #copyLeft = 0;
  /** Distances of the last four matches, bytes back, the latest first. */
  #distance0 = 1;
  #distance1 = 1;
  #distance2 = 1;
  #distance3 = 1;

  constructor(parameters: LzmaParameters) {
    requireLzmaParameters(parameters);
    const { dictionaryBytes, decodedBytes } = parameters;
    this.#parameters = parameters;
    this.#window = new Uint8Array(Math.min(dictionaryBytes, decodedBytes));
    const input = new Uint8Array(INPUT_BYTES + SYMBOL_BYTES);
    this.#coder = new RangeDecoder(input, probabilityCount(parameters));
  }

  /** Decoded bytes that {@link read} has not given yet. */
  get left(): number {
    return this.#parameters.decodedBytes - this.#made;
  }

  /** Input that was pushed and is not used yet, bytes. */
  get unused(): number {
    return this.#inputEnd - this.#coder.at;
  }

  /** How far the input used so far, read as one number, lies above the least that decodes to the same. */
  get excess(): number {
    return this.#coder.code >>> 0;
  }

  /** Takes input, and returns how many of the bytes fitted: at least one when {@link read} last gave none. */
  push(bytes: Uint8Array): number {
    const { bytes: input, at } = this.#coder;
    if (this.#inputEnd + bytes.length > INPUT_BYTES && at > 0) {
      input.copyWithin(0, at, this.#inputEnd);
      this.#inputEnd -= at;
      this.#coder.at = 0;
    }
    const taken = bytes.subarray(0, INPUT_BYTES - this.#inputEnd);
    input.set(taken, this.#inputEnd);
    this.#inputEnd += taken.length;
    return taken.length;
  }

  /** Says that no more input comes. */
  end(): void {
    this.#coder.bytes.fill(0, this.#inputEnd); // what is read beyond the end is found after the symbol
    this.#inputComplete = true;
  }

  /**
   * Makes bytes until there are `maxBytes`, the input runs out, or the window's end is reached.
   *
   * @returns a view that is valid until the next call; empty when more input is needed or nothing is left
   */
  read(maxBytes: number): Uint8Array {
    if (!this.#started && !this.#start()) return NONE;
    if (this.#windowAt === this.#window.length) this.#windowAt = 0;
    const first = this.#windowAt;
    const end = first + Math.min(maxBytes, this.left, this.#window.length - first);
    while (this.#windowAt < end) {
      if (this.#copyLeft > 0) this.#copy(end);
      else if (this.#mayDecode()) this.#symbol();
      else break;
    }
    return this.#window.subarray(first, this.#windowAt);
  }

  /**
   * Checks that the stream ends here: no match goes on, no input is left, and the range coder's code has come to zero,
   * as encoders leave it. An end marker may come before.
   *
   * To be called after all bytes were read, all input was pushed and {@link end} was called.
   */
  finish(): void {
    if (!this.#started) this.#start();
    if (this.#copyLeft > 0) throw new LzmaError('a match goes on beyond the end');
    if (!this.#isAtEnd() && this.#mayDecode()) this.#endMarker();
    if (this.#coder.at > this.#inputEnd) throw tooShort();
    if (!this.#isAtEnd()) throw new LzmaError('it does not end where its last byte is complete');
  }

  #isAtEnd(): boolean {
    return this.unused === 0 && this.excess === 0;
  }

  #start(): boolean {
    if (this.unused < RANGE_START_BYTES) {
      if (this.#inputComplete) throw tooShort();
      return false;
    }
    if (!this.#coder.start()) throw new LzmaError('it does not begin with a zero byte and a code');
    this.#started = true;
    return true;
  }

  #mayDecode(): boolean {
    if (!this.#inputComplete) return this.#coder.at <= this.#inputEnd - SYMBOL_BYTES;
    if (this.#coder.at > this.#inputEnd) throw tooShort();
    return true;
  }

  #symbol(): void {
    const coder = this.#coder;
    const position = this.#made & ((1 << this.#parameters.pb) - 1);
    if (coder.bit(IS_MATCH + this.#state * 16 + position) === 0) this.#literal();
    else if (coder.bit(IS_REPEAT + this.#state) === 0) this.#match(position);
    else this.#repeat(position);
  }

  #literal(): void {
    const window = this.#window;
    const at = this.#windowAt;
    const { lc, lp } = this.#parameters;
    const previous = this.#made === 0 ? 0 : window[at === 0 ? window.length - 1 : at - 1]!;
    const context = ((this.#made & ((1 << lp) - 1)) << lc) | (previous >> (8 - lc));
    const base = LITERALS + LITERAL_CODER * context;
    if (this.#state < FIRST_MATCH_STATE) {
      window[at] = this.#coder.walk(base, 1, 0x100);
    } else {
      const from = at - this.#distance0;
      window[at] = this.#coder.matchedLiteral(base, window[from < 0 ? from + window.length : from]!);
    }
    this.#state = AFTER_LITERAL[this.#state]!;
    this.#windowAt = at + 1;
    this.#made++;
  }

  #match(position: number): void {
    const length = readLength(this.#coder, MATCH_LENGTH, position);
    const distance = readDistance(this.#coder, length);
    if (distance === END_MARKER) throw new LzmaError('an end marker comes before the end');
    this.#distance3 = this.#distance2;
    this.#distance2 = this.#distance1;
    this.#distance1 = this.#distance0;
    this.#distance0 = this.#requireDistance(distance + 1);
    this.#state = this.#state < FIRST_MATCH_STATE ? 7 : 10;
    this.#copyLeft = length;
  }

  #repeat(position: number): void {
    const coder = this.#coder;
    if (coder.bit(IS_REPEAT_0 + this.#state) === 0) {
      if (coder.bit(IS_LONG_REPEAT_0 + this.#state * 16 + position) === 0) {
        this.#requireDistance(this.#distance0);
        this.#state = this.#state < FIRST_MATCH_STATE ? 9 : 11;
        this.#copyLeft = 1;
        return;
      }
    } else {
      let distance = this.#distance1;
      if (coder.bit(IS_REPEAT_1 + this.#state) === 1) {
        distance = this.#distance2;
        if (coder.bit(IS_REPEAT_2 + this.#state) === 1) {
          distance = this.#distance3;
          this.#distance3 = this.#distance2;
        }
        this.#distance2 = this.#distance1;
      }
      this.#distance1 = this.#distance0;
      this.#distance0 = distance;
    }
    this.#requireDistance(this.#distance0);
    this.#copyLeft = readLength(coder, REPEAT_LENGTH, position);
    this.#state = this.#state < FIRST_MATCH_STATE ? 8 : 11;
  }

  /** A distance from outside would otherwise read bytes that were never made: what the memory held before. */
  #requireDistance(distance: number): number {
    if (distance <= this.#made && distance <= this.#parameters.dictionaryBytes) return distance;
    throw new LzmaError(
      `a match reaches ${distance} bytes back, ${this.#made} were made and ${this.#parameters.dictionaryBytes} are held`,
    );
  }

  #copy(end: number): void {
    const length = Math.min(this.#copyLeft, end - this.#windowAt);
    copyMatch(this.#window, this.#windowAt, this.#distance0, length);
    this.#windowAt += length;
    this.#made += length;
    this.#copyLeft -= length;
  }

  #endMarker(): void {
    const coder = this.#coder;
    const position = this.#made & ((1 << this.#parameters.pb) - 1);
    const isMatch = coder.bit(IS_MATCH + this.#state * 16 + position) === 1 && coder.bit(IS_REPEAT + this.#state) === 0;
    if (!isMatch || readDistance(coder, readLength(this.#coder, MATCH_LENGTH, position)) !== END_MARKER) {
      throw new LzmaError('it goes on after its last byte');
    }
  }
}

function tooShort(): LzmaError {
  return new LzmaError('the data ends early');
}
