import type { RandomAccess } from '../../core/random-access.js';
import { MAX_TABLE_BITS, MIN_TABLE_BITS } from '../coders/mix/mix-model.js';
import { CODERS, type Coder, MAX_IMAGE_BYTES } from '../formats.js';
import { invalidPatch, notThisPatch } from '../patch-error.js';
import { VarintReader, VarintWriter } from './varint.js';

/** What an otad patch says before its body. docs/delta-format.md, "Header" */
export interface OtadHeader {
  coder: Coder;
  /** Chunks come in another order than that of the image, which the control section lists. */
  reordered: boolean;
  /** The images are unpacked ones, and a recipe to pack the new one follows the header. */
  repacked: boolean;
  baseSize: number;
  targetSize: number;
  /** log2 of the size of a chunk of the new image, bytes. */
  chunkBits: number;
  /** The first bytes of the SHA-256 of each chunk of the new image. */
  chunkHashes: readonly Uint8Array[];
  /** Size of the body once decoded, bytes; 0 where the coder does not need it. */
  bodyBytes: number;
  /** Base-2 logarithm of the number of counters that the coder `mix` has; 0 for others. */
  counterBits: number;
  /** What the control section says there are. */
  coverCount: number;
  /** Of a patch that is applied in place: old bytes that are saved beforehand; 0 for others. */
  stashBytes: number;
  /** The first bytes of the SHA-256 of the stash; empty where there is none. */
  stashHash: Uint8Array;
  /** Where the header ends, bytes. */
  size: number;
}

const MAGIC = 'OTAD';
const VERSION = 1;
export const CHUNK_HASH_BYTES = 8;
const MIN_CHUNK_BITS = 10;
const MAX_CHUNK_BITS = 24;
const MAX_CHUNKS = 65536;
const MAX_BODY_BYTES = 2 ** 33;
/** Everything but the hashes. */
const FIELDS_BYTES = 64;
const REORDERED = 1;
const REPACKED = 2;

/** A cover takes at least this many bytes on average, or it was not worth its control bytes. */
export const coversAllowed = (targetSize: number) => 64 + Math.floor(targetSize / 4);

export function chunkCount({ targetSize, chunkBits }: Pick<OtadHeader, 'targetSize' | 'chunkBits'>): number {
  return Math.ceil(targetSize / 2 ** chunkBits);
}

export function writeHeader(header: Omit<OtadHeader, 'size'>): Uint8Array {
  const out = new VarintWriter();
  for (const byte of Buffer.from(MAGIC, 'latin1')) out.byte(byte);
  out.byte(VERSION);
  out.byte(CODERS.indexOf(header.coder));
  out.byte((header.reordered ? REORDERED : 0) | (header.repacked ? REPACKED : 0));
  out.byte(header.chunkBits);
  out.unsigned(header.baseSize);
  out.unsigned(header.targetSize);
  if (header.coder === 'mix') out.byte(header.counterBits);
  else out.unsigned(header.bodyBytes);
  out.unsigned(header.coverCount);
  if (header.reordered) {
    out.unsigned(header.stashBytes);
    for (const byte of header.stashHash) out.byte(byte);
  }
  return Buffer.concat([out.bytes, ...header.chunkHashes]);
}

/**
 * Reads the header of an otad patch.
 *
 * @throws OtaError PATCH_INVALID: another magic or version, an unknown coder or flag, a number beyond its limit,
 *   a patch that ends inside
 */
export async function readHeader(patch: RandomAccess): Promise<OtadHeader> {
  const fields = new Uint8Array(FIELDS_BYTES);
  const got = fields.subarray(0, await patch.read(fields, 0));
  if (!Buffer.from(got.subarray(0, MAGIC.length)).equals(Buffer.from(MAGIC, 'latin1'))) {
    throw notThisPatch(patch.name, 'an otad patch', MAGIC, got);
  }
  let at = MAGIC.length;
  const nextByte = () => {
    if (at === got.length) throw invalidPatch(patch.name, `the patch ends inside its header, after ${at} bytes`);
    return got[at++]!;
  };
  const version = nextByte();
  if (version !== VERSION) {
    throw invalidPatch(patch.name, `it is of version ${version} of otad, this applier knows ${VERSION}`);
  }
  const coderNumber = nextByte();
  const coder = CODERS[coderNumber];
  if (coder === undefined) {
    throw invalidPatch(patch.name, `it is packed with coder ${coderNumber}, known are 0 to ${CODERS.length - 1}`);
  }
  const flags = nextByte();
  if ((flags & ~(REORDERED | REPACKED)) !== 0) throw invalidPatch(patch.name, `it has the unknown flags ${flags}`);
  const chunkBits = nextByte();
  if (chunkBits < MIN_CHUNK_BITS || chunkBits > MAX_CHUNK_BITS) {
    throw invalidPatch(
      patch.name,
      `it has chunks of 2^${chunkBits} bytes, allowed are 2^${MIN_CHUNK_BITS} to 2^${MAX_CHUNK_BITS}`,
    );
  }
  const numbers = new VarintReader(nextByte, patch.name);
  const baseSize = numbers.unsigned(MAX_IMAGE_BYTES, 'the size of the old image');
  const targetSize = numbers.unsigned(MAX_IMAGE_BYTES, 'the size of the new image');
  const isMix = coder === 'mix';
  const counterBits = isMix ? numbers.unsigned(MAX_TABLE_BITS, 'the number of counters') : 0;
  if (isMix && counterBits < MIN_TABLE_BITS) {
    throw invalidPatch(patch.name, `it has 2^${counterBits} counters, at least 2^${MIN_TABLE_BITS} are allowed`);
  }
  const bodyBytes = isMix ? 0 : numbers.unsigned(MAX_BODY_BYTES, 'the size of the body');
  const coverCount = numbers.unsigned(coversAllowed(targetSize), 'the number of covers');
  const reordered = (flags & REORDERED) !== 0;
  if (reordered && isMix) {
    throw invalidPatch(
      patch.name,
      'it is applied in place and packed with a coder that cannot go on after a power cut',
    );
  }
  const stashBytes = reordered ? numbers.unsigned(baseSize, 'the size of the stash') : 0;
  const stashHash = Uint8Array.from({ length: stashBytes > 0 ? CHUNK_HASH_BYTES : 0 }, nextByte);
  const chunks = chunkCount({ targetSize, chunkBits });
  if (chunks > MAX_CHUNKS) throw invalidPatch(patch.name, `it has ${chunks} chunks, at most ${MAX_CHUNKS} are allowed`);
  const hashes = new Uint8Array(chunks * CHUNK_HASH_BYTES);
  if ((await patch.read(hashes, at)) < hashes.length) {
    throw invalidPatch(patch.name, 'the patch ends inside its header, among the hashes of the chunks');
  }
  return {
    coder,
    reordered,
    repacked: (flags & REPACKED) !== 0,
    ...{ baseSize, targetSize, chunkBits, bodyBytes, counterBits, coverCount, stashBytes, stashHash },
    chunkHashes: Array.from({ length: chunks }, (_, i) =>
      hashes.subarray(i * CHUNK_HASH_BYTES, (i + 1) * CHUNK_HASH_BYTES),
    ),
    size: at + hashes.length,
  };
}
