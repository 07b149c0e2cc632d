import type {
  BsdiffFormat,
  BsdiffLayout,
  PatchLayout,
  PatchStream,
  StreamCompression,
  StreamName,
} from '../formats.js';
import { invalidPatch, notThisPatch } from '../patch-error.js';
import { readSigned64, writeSigned64 } from './signed64.js';

/** Size of the header that both formats share, bytes. */
export const HEADER_BYTES = 32;

const MAGIC: Record<BsdiffFormat, string> = { bsdf2: 'BSDF2', bsdiff40: 'BSDIFF40' };

/** BSDF2's compressor bytes are positions in this list. */
const COMPRESSORS: readonly StreamCompression[] = ['none', 'bzip2', 'brotli'];

const STREAM_NAMES: readonly StreamName[] = ['control', 'diff', 'extra'];

/**
 * Reads the header of a patch and lays out its three streams.
 *
 * Both formats start with 32 bytes: 8 of magic, then as signed 64-bit numbers
 * the compressed size of the control stream, that of the diff stream, and the
 * size of the new image. The three streams follow; the extra stream takes what
 * is left. `bsdiff40` has the magic `BSDIFF40` and packs all three with bzip2.
 * `bsdf2` has the magic `BSDF2` and then, one byte for each stream, how it is
 * packed: 0 not at all, 1 bzip2, 2 brotli.
 *
 * @param header    the first 32 bytes, or fewer when the patch is shorter
 * @param patchSize size of the whole patch, bytes
 * @throws OtaError PATCH_INVALID: another magic, an unknown compressor, a
 *   length that is negative, beyond 2^53 − 1 or beyond the patch
 * @see bsdiff 4.3, bspatch.c; AOSP external/bsdiff, patch_reader.cc
 */
export function parseHeader(format: BsdiffFormat, header: Uint8Array, patchSize: number, name: string): BsdiffLayout {
  if (header.length < HEADER_BYTES) {
    throw invalidPatch(name, `the patch is ${patchSize} bytes long, a header alone takes ${HEADER_BYTES}`);
  }
  const compressions = readMagic(format, header, name);
  const controlSize = readLength(header, 8, 'control stream', name);
  const diffSize = readLength(header, 16, 'diff stream', name);
  const targetSize = readLength(header, 24, 'new image', name);
  const extraSize = patchSize - HEADER_BYTES - controlSize - diffSize;
  if (extraSize < 0) {
    throw invalidPatch(
      name,
      `the header claims a control stream of ${controlSize} and a diff stream of ${diffSize} bytes, the patch has ${patchSize} in all`,
    );
  }
  const sizes = [controlSize, diffSize, extraSize];
  let offset = HEADER_BYTES;
  const [control, diff, extra] = STREAM_NAMES.map((stream, index): PatchStream => {
    const size = sizes[index]!;
    offset += size;
    return { name: stream, compression: compressions[index]!, offset: offset - size, size };
  }) as [PatchStream, PatchStream, PatchStream];
  return { format, targetSize, streams: [control, diff, extra], control, diff, extra };
}

/**
 * The header of a patch of ours: `bsdf2` with three brotli streams, or `bsdiff40`.
 *
 * @param packedBytes sizes of control and diff stream, packed
 */
export function patchHeader(
  format: BsdiffFormat,
  [controlBytes, diffBytes]: readonly [number, number],
  targetBytes: number,
): Buffer {
  const brotli = COMPRESSORS.indexOf('brotli');
  const compressors = format === 'bsdf2' ? [brotli, brotli, brotli] : [];
  const header = Buffer.concat([Buffer.from(MAGIC[format], 'latin1'), Buffer.from(compressors)], HEADER_BYTES);
  writeSigned64(header, 8, controlBytes);
  writeSigned64(header, 16, diffBytes);
  writeSigned64(header, 24, targetBytes);
  return header;
}

function readMagic(format: BsdiffFormat, header: Uint8Array, name: string): StreamCompression[] {
  const magic = MAGIC[format];
  if (!Buffer.from(header.subarray(0, magic.length)).equals(Buffer.from(magic, 'latin1'))) {
    throw notThisPatch(name, `a ${format} patch`, magic, header);
  }
  if (format === 'bsdiff40') return ['bzip2', 'bzip2', 'bzip2'];
  return Array.from(header.subarray(5, 8), (type, index) => {
    const compression = COMPRESSORS[type];
    if (compression === undefined) {
      throw invalidPatch(name, `the ${STREAM_NAMES[index]} stream has compressor ${type}, known are 0, 1 and 2`);
    }
    return compression;
  });
}

function readLength(header: Uint8Array, at: number, what: string, name: string): number {
  const length = readSigned64(header, at);
  // CVE-2014-9862: a sign bit that was not looked at wrote before the buffer
  if (length === undefined || length < 0) {
    throw invalidPatch(name, `the ${what} has the impossible length ${length ?? 'beyond 2^53'} in the header`);
  }
  return length;
}

/** Refuses a patch for another image size than the signed one, before anything is decoded or allocated. */
export function requireTargetSize(layout: PatchLayout, targetSize: number, name: string): void {
  if (layout.targetSize === targetSize) return;
  throw invalidPatch(
    name,
    `the patch makes an image of ${layout.targetSize} bytes, the metadata promises ${targetSize}`,
  );
}
