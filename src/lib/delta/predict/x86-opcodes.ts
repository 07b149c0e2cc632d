/** No such opcode, or one without a ModRM byte. */
const NONE = 15;
/** An immediate as wide as the operand, at most 4 bytes. */
const FULL = 4;
/** TEST has an immediate, NOT, NEG, MUL, DIV with the same opcode have none. */
const TEST_BYTE = 5;
const TEST_FULL = 6;

/** How many bytes of immediate follow the ModRM operand of each opcode (Intel SDM, volume 2, appendix A). */
function opcodeMap(entries: readonly (readonly [first: number, last: number, kind: number])[]): Uint8Array {
  const map = new Uint8Array(256).fill(NONE);
  for (const [first, last, kind] of entries) map.fill(kind, first, last + 1);
  return map;
}

// 00 is left out: as opcode (ADD of bytes) it is rare, as upper byte of numbers before something else it is everywhere
const ONE_BYTE = opcodeMap([
  [0x01, 0x03, 0],
  ...[0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38].map((first) => [first, first + 3, 0] as const),
  [0x63, 0x63, 0],
  [0x69, 0x69, FULL],
  [0x6b, 0x6b, 1],
  [0x80, 0x80, 1],
  [0x81, 0x81, FULL],
  [0x83, 0x83, 1],
  [0x84, 0x8b, 0],
  [0x8d, 0x8d, 0],
  [0x8f, 0x8f, 0],
  [0xc0, 0xc1, 1],
  [0xc6, 0xc6, 1],
  [0xc7, 0xc7, FULL],
  [0xd0, 0xd3, 0],
  [0xd8, 0xdf, 0],
  [0xf6, 0xf6, TEST_BYTE],
  [0xf7, 0xf7, TEST_FULL],
  [0xfe, 0xff, 0],
]);

/** After the escape 0F. */
const TWO_BYTES = opcodeMap([
  [0x0d, 0x0d, 0],
  [0x10, 0x1f, 0],
  [0x28, 0x2f, 0],
  [0x40, 0x6f, 0],
  [0x70, 0x73, 1],
  [0x74, 0x76, 0],
  [0x78, 0x7f, 0],
  [0x90, 0x9f, 0],
  [0xa3, 0xa3, 0],
  [0xa4, 0xa4, 1],
  [0xa5, 0xa5, 0],
  [0xab, 0xab, 0],
  [0xac, 0xac, 1],
  [0xad, 0xb9, 0],
  [0xba, 0xba, 1],
  [0xbb, 0xc1, 0],
  [0xc2, 0xc2, 1],
  [0xc3, 0xc3, 0],
  [0xc4, 0xc6, 1],
  [0xc7, 0xc7, 0],
  [0xd0, 0xfe, 0],
]);

/**
 * How many bytes of immediate follow a memory operand, told by the opcode before its ModRM byte.
 *
 * @param from the first byte that may be read
 * @param at   the ModRM byte
 * @returns 0, 1, 2 or 4; −1 when the bytes before are no opcode that has an operand
 */
export function immediateBytes(bytes: Uint8Array, from: number, at: number): number {
  const before = (distance: number) => (at - distance >= from ? bytes[at - distance]! : 0);
  const opcode = before(1);
  if (at - 1 < from) return -1;
  if (before(3) === 0x0f && (before(2) === 0x38 || before(2) === 0x3a)) return before(2) === 0x3a ? 1 : 0;
  let kind = NONE;
  const vexMap = before(4) === 0xc4 ? before(3) & 0x1f : 0;
  if (vexMap === 2 || vexMap === 3) return vexMap - 2;
  if (before(2) === 0x0f || before(3) === 0xc5 || vexMap === 1) kind = TWO_BYTES[opcode]!;
  if (kind === NONE) kind = ONE_BYTE[opcode]!;
  if (kind === NONE) return -1;
  if (kind === TEST_BYTE || kind === TEST_FULL) {
    if ((bytes[at]! & 0x30) !== 0) return 0;
    kind = kind === TEST_BYTE ? 1 : FULL;
  }
  const isHalf = before(2) === 0x66 || (before(3) === 0x66 && (before(2) & 0xf0) === 0x40);
  return kind === FULL && isHalf ? 2 : kind;
}
