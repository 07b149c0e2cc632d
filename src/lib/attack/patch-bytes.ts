import { createHash } from 'node:crypto';
import { brotliCompressSync, constants } from 'node:zlib';
import { frozenBzip2 } from './frozen-bzip2.js';

/** The formats whose streams are bsdiff's triples. */
export const BSDIFF_FORMATS = ['bsdf2', 'bsdiff40'] as const;

export type BsdiffFormat = (typeof BSDIFF_FORMATS)[number];

/** One instruction of bsdiff; the numbers may be impossible. */
export interface ForgedTriple {
  add: bigint;
  copy: bigint;
  seek: bigint;
}

/** A patch as it is built here: any part may be wrong. */
export interface ForgedPatch {
  /** The decoded streams. */
  control: Buffer;
  diff: Buffer;
  extra: Buffer;
  /** What the header says in the place of the truth, bytes. */
  controlSize?: bigint;
  diffSize?: bigint;
  targetSize?: bigint;
  /** Spoils the compressed streams before they are put together. */
  compressed?: (streams: CompressedStreams) => CompressedStreams;
  /** Spoils the 32 bytes of the header. */
  header?: (header: Buffer) => void;
}

export type CompressedStreams = Record<'control' | 'diff' | 'extra', Buffer>;

/** Sizes of the stand-in images that hostile patches claim to work on, bytes. */
export const BASE_BYTES = 4096;
const EXTRA_BYTES = 96;

/** Fixed bytes, so that the bzip2 streams made of them can be frozen. */
export const STAND_IN_BASE = expand('base', BASE_BYTES);
export const STAND_IN_EXTRA = expand('extra', EXTRA_BYTES);
/** All of the base but its end, then something new. */
export const STAND_IN_TARGET = Buffer.concat([STAND_IN_BASE.subarray(0, -EXTRA_BYTES), STAND_IN_EXTRA]);

/** The patch that makes the stand-in target from the stand-in base. */
export const VALID_PATCH: ForgedPatch = {
  control: controlStream([triple(BASE_BYTES - EXTRA_BYTES, EXTRA_BYTES)]),
  diff: Buffer.alloc(BASE_BYTES - EXTRA_BYTES),
  extra: STAND_IN_EXTRA,
};

export function triple(add: number | bigint, copy: number | bigint, seek: number | bigint = 0): ForgedTriple {
  return { add: BigInt(add), copy: BigInt(copy), seek: BigInt(seek) };
}

export function controlStream(triples: readonly ForgedTriple[]): Buffer {
  return Buffer.concat(triples.flatMap(({ add, copy, seek }) => [signed64(add), signed64(copy), signed64(seek)]));
}

/** The patch in one of the two formats. Compressed streams are made by brotli, or come frozen for bzip2. */
export function patchBytes(format: BsdiffFormat, patch: ForgedPatch): Buffer {
  const compress = format === 'bsdf2' ? brotli : frozenBzip2;
  const { control, diff, extra } = patch;
  const honest = { control: compress(control), diff: compress(diff), extra: compress(extra) };
  const streams = patch.compressed?.(honest) ?? honest;
  const header = Buffer.concat([
    format === 'bsdf2' ? Buffer.from('BSDF2\x02\x02\x02', 'latin1') : Buffer.from('BSDIFF40', 'latin1'),
    signed64(patch.controlSize ?? BigInt(streams.control.length)),
    signed64(patch.diffSize ?? BigInt(streams.diff.length)),
    signed64(patch.targetSize ?? BigInt(STAND_IN_TARGET.length)),
  ]);
  patch.header?.(header);
  return Buffer.concat([header, streams.control, streams.diff, streams.extra]);
}

/** A medium quality: the highest takes seconds for a bomb. */
function brotli(bytes: Buffer): Buffer {
  return brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } });
}

/** Brotli with a window of 2^30 bytes, which RFC 7932 does not have: 2^24 is its largest. */
export function largeWindowBrotli(bytes: Buffer): Buffer {
  const params = { [constants.BROTLI_PARAM_LARGE_WINDOW]: 1, [constants.BROTLI_PARAM_LGWIN]: 30 };
  return brotliCompressSync(bytes, { params });
}

/** 64 bits, little-endian, sign and magnitude, as bsdiff writes them. */
function signed64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value < 0n ? -value : value);
  if (value < 0n) bytes[7]! |= 0x80;
  return bytes;
}

function expand(name: string, outputLength: number): Buffer {
  return createHash('shake256', { outputLength }).update(`ota-fleet attack ${name}`).digest();
}
