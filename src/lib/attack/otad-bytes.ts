import { createHash } from 'node:crypto';
import { BASE_BYTES, STAND_IN_EXTRA, STAND_IN_TARGET } from './patch-bytes.js';

const COPIED_BYTES = BASE_BYTES - STAND_IN_EXTRA.length;
const HASH_BYTES = 8;

/**
 * An otad patch as it is built here, unpacked (coder 0), of one chunk; any part may be wrong.
 *
 * @see docs/delta-format.md
 */
export interface ForgedOtad {
  magic: string;
  version: number;
  coder: number;
  flags: number;
  /** log2 of the size of a chunk. */
  chunkBits: number;
  baseSize: number | bigint;
  targetSize: number | bigint;
  /** What the header says of the body in the place of the truth, bytes. */
  bodyBytes?: number | bigint;
  coverCount: number | bigint;
  hashes: Buffer;
  /** Of the control section: machine, then the columns of covers. */
  control: readonly (number | bigint)[];
  /** What stands before the control section in the place of its size, bytes. */
  controlBytes?: number | bigint;
  /** What blocks begin with: mode × 2, and 1 where differences follow. */
  kinds: Buffer;
  differences: Buffer;
  extra: Buffer;
  /** Spoils the complete patch. */
  spoil?: (patch: Buffer) => Buffer;
}

/** One cover makes all of the stand-in target but its end. */
export const VALID_OTAD: ForgedOtad = {
  magic: 'OTAD',
  version: 1,
  coder: 0,
  flags: 0,
  chunkBits: 12,
  baseSize: BASE_BYTES,
  targetSize: BASE_BYTES,
  coverCount: 1,
  hashes: chunkHash(STAND_IN_TARGET),
  control: control({}),
  kinds: Buffer.of(1),
  differences: Buffer.alloc(COPIED_BYTES),
  extra: STAND_IN_EXTRA,
};

/** The control section of one cover. @param cover lengths and positions, bytes; shift is what `oldAt − newAt` folds to */
export function control({
  machine = 0,
  gap = 0,
  length = COPIED_BYTES,
  shift = 0,
}: {
  machine?: number | bigint;
  gap?: number | bigint;
  length?: number | bigint;
  shift?: number | bigint;
}): (number | bigint)[] {
  return [machine, gap, BigInt(length) - 1n, fold(BigInt(shift))];
}

export function chunkHash(chunk: Uint8Array): Buffer {
  return createHash('sha256').update(chunk).digest().subarray(0, HASH_BYTES);
}

export function otadBytes(patch: ForgedOtad): Buffer {
  const section = Buffer.concat(patch.control.map(varint));
  const body = Buffer.concat([
    varint(patch.controlBytes ?? section.length),
    section,
    patch.kinds,
    patch.differences,
    patch.extra,
  ]);
  const whole = Buffer.concat([
    Buffer.from(patch.magic, 'latin1'),
    Buffer.of(patch.version, patch.coder, patch.flags, patch.chunkBits),
    ...[patch.baseSize, patch.targetSize, patch.bodyBytes ?? body.length, patch.coverCount].map(varint),
    patch.hashes,
    body,
  ]);
  return patch.spoil?.(whole) ?? whole;
}

/** Seven bits a byte, the lowest first; the highest bit says that more follow. */
function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let left = BigInt(value);
  do {
    bytes.push(Number(left & 0x7fn) | (left > 0x7fn ? 0x80 : 0));
    left >>= 7n;
  } while (left > 0n);
  return Buffer.from(bytes);
}

/** 0, −1, 1, −2 become 0, 1, 2, 3. */
function fold(value: bigint): bigint {
  return value < 0n ? -value * 2n - 1n : value * 2n;
}
