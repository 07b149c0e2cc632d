import { brotliCompressSync, constants } from 'node:zlib';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import { applyDelta } from '../../../src/lib/delta/apply-delta.js';
import type { DeltaFormat } from '../../../src/lib/delta/formats.js';

const FAST = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };

/** A patch put together by hand, so that any part of it can be wrong. */
export interface ForgedPatch {
  magic?: string;
  /** Compressor bytes of control, diff and extra. */
  compressors?: [number, number, number];
  triples?: readonly (readonly [add: bigint | number, copy: bigint | number, seek: bigint | number])[];
  control?: Uint8Array;
  diff?: Uint8Array;
  extra?: Uint8Array;
  /** What the header says instead of the truth. */
  controlSize?: bigint;
  diffSize?: bigint;
  targetSize?: bigint | number;
  trailing?: Uint8Array;
}

/** 64 bits, little-endian, with the sign in the top bit; bits beyond the magnitude are taken as they are. */
export function signed64(value: bigint | number): Buffer {
  const bytes = Buffer.alloc(8);
  const big = BigInt(value);
  bytes.writeBigUInt64LE(big < 0n ? -big | (1n << 63n) : big);
  return bytes;
}

export function controlBytes(triples: NonNullable<ForgedPatch['triples']>): Buffer {
  return Buffer.concat(triples.flat().map(signed64));
}

/** Streams are brotli (compressor 2) or stored (0); ones of 1 are expected to come packed. */
export function forgePatch(parts: ForgedPatch): Buffer {
  const compressors = parts.compressors ?? [2, 2, 2];
  const pack = (bytes: Uint8Array, compressor: number) => (compressor === 2 ? brotliCompressSync(bytes, FAST) : bytes);
  const control = pack(parts.control ?? controlBytes(parts.triples ?? []), compressors[0]);
  const diff = pack(parts.diff ?? Buffer.alloc(0), compressors[1]);
  const extra = pack(parts.extra ?? Buffer.alloc(0), compressors[2]);
  return Buffer.concat([
    Buffer.from(parts.magic ?? 'BSDF2', 'latin1'),
    Buffer.from(compressors).subarray(0, 8 - (parts.magic ?? 'BSDF2').length),
    signed64(parts.controlSize ?? control.length),
    signed64(parts.diffSize ?? diff.length),
    signed64(parts.targetSize ?? 0),
    control,
    diff,
    extra,
    parts.trailing ?? Buffer.alloc(0),
  ]);
}

/** What an application of a patch gave before it ended: the image, or a part of it and the refusal. */
export interface Outcome {
  yielded: Buffer;
  largestChunk: number;
  error?: unknown;
}

export async function outcomeOf(
  patch: Uint8Array,
  old: Uint8Array,
  targetSize: number,
  format: DeltaFormat = 'bsdf2',
): Promise<Outcome> {
  const chunks: Buffer[] = [];
  const outcome = { largestChunk: 0 };
  const options = {
    format,
    patch: memoryAccess(patch, 'app.patch'),
    base: memoryAccess(old, 'old.bin'),
    targetSize,
  };
  try {
    for await (const chunk of applyDelta(options)) {
      chunks.push(Buffer.from(chunk));
      outcome.largestChunk = Math.max(outcome.largestChunk, chunk.length);
    }
  } catch (error) {
    return { ...outcome, yielded: Buffer.concat(chunks), error };
  }
  return { ...outcome, yielded: Buffer.concat(chunks) };
}
