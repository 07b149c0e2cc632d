// What JSON's strings, numbers and gaps are made of, byte by byte.

const TAB = 0x09;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const ZERO = 0x30;
const NINE = 0x39;
const BACKSLASH = 0x5c;

/** The first byte at or behind `at` that is no white space; a line feed is the end of the line. */
export function skipSpace(bytes: Uint8Array, at: number): number {
  let end = at;
  while (bytes[end]! <= SPACE && (bytes[end] === SPACE || bytes[end] === TAB || bytes[end] === CARRIAGE_RETURN)) end++;
  return end;
}

/** The first byte at or behind `at` that is no digit. */
export function skipDigits(bytes: Uint8Array, at: number): number {
  let end = at;
  while (isDigit(bytes[end]!)) end++;
  return end;
}

export function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

/** Bytes of the escape at a backslash; 0 where it is none. */
export function escapeLength(bytes: Uint8Array, at: number): number {
  switch (bytes[at + 1]) {
    case QUOTE:
    case BACKSLASH:
    case 0x2f: // slash
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return 2;
    case 0x75: // u
      return isHex(bytes[at + 2]!) && isHex(bytes[at + 3]!) && isHex(bytes[at + 4]!) && isHex(bytes[at + 5]!) ? 6 : 0;
    default:
      return 0;
  }
}

function isHex(byte: number): boolean {
  const lower = byte | 0x20;
  return isDigit(byte) || (lower >= 0x61 && lower <= 0x66);
}

/** Bytes of the character at a byte from 80 on; 0 where it is none: no shortest form, a surrogate, beyond 10FFFF. */
export function utf8Length(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  const second = bytes[at + 1]!;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return isContinuation(second) ? 2 : 0;
  if (first < 0xf0) {
    if (first === 0xe0 && second < 0xa0) return 0;
    if (first === 0xed && second > 0x9f) return 0;
    return isContinuation(second) && isContinuation(bytes[at + 2]!) ? 3 : 0;
  }
  if (first === 0xf0 && second < 0x90) return 0;
  if (first > 0xf4 || (first === 0xf4 && second > 0x8f)) return 0;
  return isContinuation(second) && isContinuation(bytes[at + 2]!) && isContinuation(bytes[at + 3]!) ? 4 : 0;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
