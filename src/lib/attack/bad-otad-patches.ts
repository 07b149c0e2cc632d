import type { AttackCase, Expectation } from './attack-case.js';
import { type Forge, flipBit } from './forge.js';
import { chunkHash, control, type ForgedOtad, otadBytes, VALID_OTAD } from './otad-bytes.js';
import { OTHER_BASE_FILE, packedPatch } from './packed-patch.js';
import { STAND_IN_BASE, STAND_IN_EXTRA, STAND_IN_TARGET } from './patch-bytes.js';

/** Row, name, what is wrong, the parts that differ from a valid patch, and the codes of verifying and applying where they are others. */
type OtadAttack = readonly [number, string, string, Partial<ForgedOtad>, Expectation?, Expectation?];

const SIZE = STAND_IN_TARGET.length;

/** Rows 22 and 25 to 32, and their control: hostile patches of our own format, correctly hashed and signed. */
export function* badOtadPatches(forge: Forge): Generator<AttackCase> {
  for (const [row, name, change, parts, code = 'PATCH_INVALID', applyCode] of attacks()) {
    const bytes = otadBytes({ ...VALID_OTAD, ...parts });
    yield packedPatch(forge, { row, format: 'otad', name, code, applyCode, change, bytes });
  }
  const valid = otadBytes(VALID_OTAD);
  const change = 'the patch is valid, the base is not';
  const wrongBase = {
    row: 31,
    format: 'otad',
    name: 'wrong-base',
    code: 'BASE_MISMATCH',
    change,
    bytes: valid,
  } as const;
  yield { ...packedPatch(forge, wrongBase), base: OTHER_BASE_FILE };
}

function attacks(): OtadAttack[] {
  return [
    [0, 'valid', 'a valid patch of the stand-in image', {}, 'OK'],
    ...hugeCounts(),
    ...covers(),
    ...shortAndLong(),
    ...unknownNumbers(),
    ...sizes(),
    ...otherOutputs(),
  ];
}

function hugeCounts(): OtadAttack[] {
  return [
    [22, 'cover-count', 'it says it has 2^28 covers', { coverCount: 2 ** 28 }],
    [22, 'body-size', 'it says its body has 2^50 bytes', { bodyBytes: 2n ** 50n }],
    [22, 'control-size', 'it says its control section has 2^31 bytes', { controlBytes: 2 ** 31 }],
    [22, 'segments', 'it says its images have 2^40 segments', { control: [2, 12, 2n ** 40n] }],
    [22, 'chunk-count', 'an image of 2^31 − 1 bytes in chunks of 1 KiB', { targetSize: 2 ** 31 - 1, chunkBits: 10 }],
    [30, 'covers-for-nothing', 'it has more covers than its image can need', { coverCount: 65 + SIZE / 4 }],
  ];
}

function covers(): OtadAttack[] {
  const of = (row: number, name: string, change: string, cover: Parameters<typeof control>[0]): OtadAttack => [
    row,
    `cover-${name}`,
    change,
    { control: control(cover) },
  ];
  return [
    of(25, 'too-long', 'a cover makes one byte more than the image has', { length: SIZE + 1 }),
    of(25, 'length-2-to-53', 'a cover makes 2^53 bytes', { length: 2n ** 53n }),
    of(25, 'gap-outside', 'a cover begins behind the image', { gap: SIZE }),
    of(25, 'gap-2-to-63', 'a cover begins after a gap of 2^63 bytes', { gap: 2n ** 63n }),
    of(26, 'before-base', 'a cover begins one byte before the base', { shift: -1 }),
    of(26, 'behind-base', 'a cover begins behind the base', { shift: STAND_IN_BASE.length }),
    of(26, 'across-end', 'a cover ends one byte behind the base', { shift: STAND_IN_EXTRA.length + 1 }),
    of(26, 'shift-2-to-62', 'a cover is shifted by 2^62 bytes', { shift: 2n ** 62n }),
    of(26, 'shift-minus-2-to-62', 'a cover is shifted by −2^62 bytes', { shift: -(2n ** 62n) }),
    [25, 'endless-number', 'a number goes on for 32 bytes', { control: [(1n << 224n) - 1n] }],
  ];
}

function shortAndLong(): OtadAttack[] {
  const { differences, extra } = VALID_OTAD;
  const cut = (bytes: number) => ({ spoil: (patch: Buffer) => patch.subarray(0, bytes) });
  return [
    [27, 'header', 'it ends inside its header', cut(9)],
    [27, 'hashes', 'it ends inside the hashes of its chunks', cut(18)],
    [27, 'control', 'its control section ends inside a number', { control: control({}).slice(0, -1) }],
    [27, 'differences', 'one byte of the differences is missing', { differences: differences.subarray(1) }],
    [27, 'extra', 'the last byte is missing', { extra: extra.subarray(0, -1) }],
    [28, 'trailing', 'a byte follows the body', { spoil: (patch) => Buffer.concat([patch, Buffer.of(0)]) }],
    [28, 'extra', 'a byte of the body is left over', { extra: Buffer.concat([extra, Buffer.of(0)]) }],
    [28, 'control', 'a byte of the control section is left over', { control: [...control({}), 0] }],
  ];
}

function unknownNumbers(): OtadAttack[] {
  return [
    [28, 'magic', 'the magic is another one', { magic: 'OTAE' }],
    [28, 'version', 'it is of version 2', { version: 2 }],
    [28, 'unknown-coder', 'it is packed with coder 9', { coder: 9 }],
    [28, 'not-packed', 'it says that it is packed with LZMA', { coder: 2 }],
    [28, 'unknown-flag', 'it has an unknown flag', { flags: 0x80 }],
    [28, 'other-name', 'it is a patch for a single slot under the name of another format', { flags: 1 }],
    [28, 'chunks-too-small', 'it has chunks of 2 bytes', { chunkBits: 1 }],
    [28, 'chunks-too-large', 'it has chunks of 2^255 bytes', { chunkBits: 255 }],
    [28, 'unknown-machine', 'it predicts for machine 200', { control: control({ machine: 200 }) }],
    [28, 'unknown-mode', 'a block has mode 99', { kinds: Buffer.of(198) }],
  ];
}

function sizes(): OtadAttack[] {
  const claims: [string, bigint][] = [
    ['one-byte-less', BigInt(SIZE - 1)],
    ['one-byte-more', BigInt(SIZE + 1)],
    ['zero', 0n],
    ['1-tib', 2n ** 40n],
    ['2-to-63', 2n ** 63n],
  ];
  return [
    ...claims.map(
      ([name, targetSize]): OtadAttack => [
        29,
        name,
        `it says it makes ${targetSize} bytes, the metadata ${SIZE}`,
        { targetSize },
      ],
    ),
    [31, 'other-base-size', 'it says it is for a base of one byte more', { baseSize: STAND_IN_BASE.length + 1 }],
  ];
}

function otherOutputs(): OtadAttack[] {
  const extra = flipBit(STAND_IN_EXTRA, 0);
  const made = Buffer.concat([STAND_IN_TARGET.subarray(0, -extra.length), extra]);
  return [
    [
      32,
      'chunk-hash',
      'it makes a chunk that its hash does not fit',
      { extra },
      'PATCH_INVALID',
      'TARGET_MISMATCH', // the image is hashed as a whole
    ],
    [
      32,
      'other-output',
      'it is well-formed and makes another image',
      { extra, hashes: chunkHash(made) },
      'TARGET_MISMATCH',
    ],
  ];
}
