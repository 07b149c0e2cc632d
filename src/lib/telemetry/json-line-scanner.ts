import { escapeLength, isDigit, skipDigits, skipSpace, utf8Length } from './json-bytes.js';
import { jsonStringText } from './json-text.js';
import { MAX_DEPTH, MAX_LINE_BYTES } from './message.js';

const LINE_FEED = 0x0a;
const SPACE = 0x20;
const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** 1 for bytes that stand for themselves in a string: printable ASCII without quote and backslash. */
const IS_PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= SPACE && byte < 0x80 && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);

/** Columns of `members`. */
export const NAME_START = 0;
export const NAME_END = 1;
export const VALUE_START = 2;
export const VALUE_END = 3;
export const ESCAPES = 4;
/** Entries in `members` for each member. */
export const MEMBER_STRIDE = 5;
/** Bits of the column ESCAPES: whether the name, and a value that is a string, hold escapes. */
export const NAME_ESCAPES = 1;
export const VALUE_ESCAPES = 2;

/** Most bytes that JSON takes to write one byte of UTF-8: `\u0041`. */
export const MAX_ESCAPE_BYTES = 6;

export interface MemberName {
  readonly text: string;
  readonly bytes: Uint8Array;
}

export function memberName(text: string): MemberName {
  return { text, bytes: Buffer.from(text, 'utf8') };
}

/**
 * Checks lines of JSON and finds the members of the object on each, in one pass over the bytes.
 *
 * Accepts exactly what `JSON.parse` accepts as an object after strict decoding of UTF-8, up to MAX_DEPTH
 * levels. Time is linear in the line's length, whatever it holds, and memory does not depend on nesting.
 * A line feed stops every state, so no other check for the end of the line is needed: the bytes that are
 * scanned have to end with one.
 *
 * @see RFC 8259; RFC 3629 for UTF-8
 */
export class JsonLineScanner {
  /** Members of the last object, MEMBER_STRIDE entries each: offsets inside a name's quotes and of its value. */
  members = new Uint32Array(64 * MEMBER_STRIDE);
  memberCount = 0;
  /** Offsets of the last object's opening brace, and behind its closing one. */
  objectStart = 0;
  objectEnd = 0;
  /** Why the last line was refused: one clause. */
  cause = '';
  /** Where in the bytes. */
  causeAt = 0;

  readonly #isObjectAt = new Uint8Array(MAX_DEPTH + 1);
  #hasEscapes = false;

  /**
   * @param start offset of the line
   * @returns offset of its line feed, or −1 with `cause` and `causeAt`
   */
  scan(bytes: Uint8Array, start: number): number {
    this.memberCount = 0;
    let at = skipSpace(bytes, start);
    if (bytes[at] !== OPEN_OBJECT) return this.#refuse('no JSON object', at);
    this.objectStart = at;
    at = this.#object(bytes, at, start + MAX_LINE_BYTES);
    if (at < 0) return at;
    this.objectEnd = at;
    at = skipSpace(bytes, at);
    if (bytes[at] !== LINE_FEED) return this.#refuse('text behind the JSON object', at);
    return at - start > MAX_LINE_BYTES ? this.#refuseLength(at) : at;
  }

  /** Whether the member at `members[member]` has a name, which may be written with escapes. */
  isNamed(bytes: Uint8Array, member: number, name: MemberName): boolean {
    const start = this.members[member + NAME_START]!;
    const length = this.members[member + NAME_END]! - start;
    if (length < name.bytes.length || length > MAX_ESCAPE_BYTES * name.bytes.length) return false;
    if ((this.members[member + ESCAPES]! & NAME_ESCAPES) !== 0) {
      return jsonStringText(bytes, start, start + length) === name.text;
    }
    if (length !== name.bytes.length) return false;
    for (let i = 0; i < length; i++) {
      if (bytes[start + i] !== name.bytes[i]) return false;
    }
    return true;
  }

  /** One loop for all depths: nesting costs a bit of `isObjectAt` and no recursion. */
  #object(bytes: Uint8Array, start: number, limit: number): number {
    const isObjectAt = this.#isObjectAt;
    let at = start;
    let depth = 0;
    let isObject = false;
    let nameStart = 0;
    let nameEnd = 0;
    let valueStart = 0;
    let nameEscapes = 0;
    while (true) {
      // A value starts here; with its name, where it is a member.
      if (isObject) {
        if (bytes[at] !== QUOTE) return this.#refuse('expected a name in double quotes', at);
        const close = this.#string(bytes, at);
        if (close < 0) return close;
        if (depth === 1) {
          nameStart = at + 1;
          nameEnd = close;
          nameEscapes = this.#hasEscapes ? NAME_ESCAPES : 0;
        }
        at = skipSpace(bytes, close + 1);
        if (bytes[at] !== COLON) return this.#refuse('expected :', at);
        at = skipSpace(bytes, at + 1);
        if (depth === 1) valueStart = at;
      }
      const first = bytes[at]!;
      let isOpened = false;
      this.#hasEscapes = false;
      if (first === QUOTE) {
        at = this.#string(bytes, at);
        if (at < 0) return at;
        at++;
      } else if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
        if (depth === MAX_DEPTH) return this.#refuse(`nested deeper than ${MAX_DEPTH} levels`, at);
        isObject = first === OPEN_OBJECT;
        isObjectAt[++depth] = isObject ? 1 : 0;
        at = skipSpace(bytes, at + 1);
        if (bytes[at] !== (isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) continue;
        isOpened = true;
      } else {
        at = first === MINUS || (first >= ZERO && first <= NINE) ? this.#number(bytes, at) : this.#literal(bytes, at);
        if (at < 0) return at;
      }
      // A value ends here, and each container that closes is a value that ends, too.
      while (true) {
        if (!isOpened) {
          if (depth === 1) {
            if (at > limit) return this.#refuseLength(at);
            this.#addMember(nameStart, nameEnd, valueStart, at, nameEscapes);
          }
          at = skipSpace(bytes, at);
          if (bytes[at] === COMMA) break;
          if (bytes[at] !== (isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) {
            return this.#refuse(isObject ? 'expected , or }' : 'expected , or ]', at);
          }
        }
        isOpened = false;
        at++;
        if (--depth === 0) return at;
        isObject = isObjectAt[depth] === 1;
        this.#hasEscapes = false;
      }
      at = skipSpace(bytes, at + 1);
    }
  }

  #addMember(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number, nameEscapes: number): void {
    const base = this.memberCount++ * MEMBER_STRIDE;
    if (base === this.members.length) {
      const more = new Uint32Array(2 * base);
      more.set(this.members);
      this.members = more;
    }
    const members = this.members;
    members[base + NAME_START] = nameStart;
    members[base + NAME_END] = nameEnd;
    members[base + VALUE_START] = valueStart;
    members[base + VALUE_END] = valueEnd;
    members[base + ESCAPES] = this.#hasEscapes ? nameEscapes | VALUE_ESCAPES : nameEscapes;
  }

  /** From its opening quote; returns the offset of the closing one. */
  #string(bytes: Uint8Array, start: number): number {
    this.#hasEscapes = false;
    let at = start + 1;
    while (true) {
      while (IS_PLAIN[bytes[at]!] === 1) at++;
      const byte = bytes[at]!;
      if (byte === QUOTE) return at;
      if (byte === BACKSLASH) {
        this.#hasEscapes = true;
        const length = escapeLength(bytes, at);
        if (length === 0) return this.#refuse('unknown escape in a string', at);
        at += length;
      } else if (byte < SPACE) {
        return this.#refuse(byte === LINE_FEED ? 'the string does not end' : 'control character in a string', at);
      } else {
        const length = utf8Length(bytes, at);
        if (length === 0) return this.#refuse('not UTF-8', at);
        at += length;
      }
    }
  }

  #number(bytes: Uint8Array, start: number): number {
    let at = start;
    if (bytes[at] === MINUS) at++;
    if (bytes[at] === ZERO) at++;
    else if (isDigit(bytes[at]!)) at = skipDigits(bytes, at);
    else return this.#refuse('not a number', at);
    if (bytes[at] === POINT) {
      if (!isDigit(bytes[at + 1]!)) return this.#refuse('expected a digit behind the decimal point', at + 1);
      at = skipDigits(bytes, at + 1);
    }
    if ((bytes[at]! | 0x20) === 0x65) {
      at++;
      if (bytes[at] === PLUS || bytes[at] === MINUS) at++;
      if (!isDigit(bytes[at]!)) return this.#refuse('expected a digit in the exponent', at);
      at = skipDigits(bytes, at);
    }
    return at;
  }

  #literal(bytes: Uint8Array, at: number): number {
    const first = bytes[at];
    if (first === 0x74 && bytes[at + 1] === 0x72 && bytes[at + 2] === 0x75 && bytes[at + 3] === 0x65) return at + 4;
    if (first === 0x6e && bytes[at + 1] === 0x75 && bytes[at + 2] === 0x6c && bytes[at + 3] === 0x6c) return at + 4;
    if (
      first === 0x66 &&
      bytes[at + 1] === 0x61 &&
      bytes[at + 2] === 0x6c &&
      bytes[at + 3] === 0x73 &&
      bytes[at + 4] === 0x65
    ) {
      return at + 5;
    }
    return this.#refuse('expected a value', at);
  }

  #refuseLength(at: number): number {
    return this.#refuse(`longer than ${MAX_LINE_BYTES} bytes`, at);
  }

  #refuse(cause: string, at: number): number {
    this.cause = cause;
    this.causeAt = at;
    return -1;
  }
}
