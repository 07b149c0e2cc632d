import { crc32 } from 'node:zlib';
import { blockCount, directoryBitsFor, type RecordLayout, recordBytes, recordsPerBlock } from './segment-layout.js';

/** Keys of a generation in the order of insertion. */
export interface UnsortedKeys {
  readonly count: number;
  /** 4 words for each key. */
  readonly keys: Uint32Array;
  /** 2 words for each key; empty without digests. */
  readonly digests: Uint32Array;
}

export interface EncodedSegment {
  readonly layout: RecordLayout;
  /** The directory, and behind it the checksums of the blocks. */
  readonly index: Uint8Array<ArrayBuffer>;
  readonly records: Uint8Array<ArrayBuffer>;
}

/**
 * Orders the keys of a generation and packs them as the records of a segment.
 *
 * One pass of a counting sort by the first bits: the order of the rest is of no use to a look-up, which reads a
 * handful of records anyway.
 *
 * @param memory is used for the records if it is large enough
 */
export function encodeSegment({ count, keys, digests }: UnsortedKeys, memory?: ArrayBuffer): EncodedSegment {
  const digestBytes = digests.length > 0 ? 8 : 0;
  const directoryBits = directoryBitsFor(count);
  const counts = new Uint32Array(2 ** directoryBits);
  const shift = 32 - directoryBits;
  for (let index = 0; index < count; index++) counts[keys[index * 4]! >>> shift]!++;
  const most = counts.reduce((a, b) => Math.max(a, b), 0);
  const layout: RecordLayout = { directoryBits, digestBytes, countBytes: most < 256 ? 1 : most < 65_536 ? 2 : 4 };
  const records = packed({ count, keys, digests }, counts, layout, memory);
  return { layout, index: indexOf(counts, records, layout, count), records };
}

function packed(
  { count, keys, digests }: UnsortedKeys,
  counts: Uint32Array,
  layout: RecordLayout,
  memory: ArrayBuffer | undefined,
): Uint8Array<ArrayBuffer> {
  const bytes = count * recordBytes(layout);
  const buffer = memory !== undefined && memory.byteLength >= bytes ? memory : new ArrayBuffer(bytes);
  const halves = new Uint16Array(buffer, 0, bytes / 2);
  const recordHalves = recordBytes(layout) / 2;
  const hasWholeKeys = layout.directoryBits < 16;
  const shift = 32 - layout.directoryBits;
  const ends = new Uint32Array(counts.length);
  for (let place = 1; place < ends.length; place++) ends[place] = ends[place - 1]! + counts[place - 1]!;
  for (let index = 0; index < count; index++) {
    const key = index * 4;
    const k0 = keys[key]!;
    const k1 = keys[key + 1]!;
    const k2 = keys[key + 2]!;
    const k3 = keys[key + 3]!;
    let at = ends[k0 >>> shift]!++ * recordHalves;
    halves[at++] = k0;
    if (hasWholeKeys) halves[at++] = k0 >>> 16;
    halves[at++] = k1;
    halves[at++] = k1 >>> 16;
    halves[at++] = k2;
    halves[at++] = k2 >>> 16;
    halves[at++] = k3;
    halves[at++] = k3 >>> 16;
    if (layout.digestBytes > 0) {
      const d0 = digests[index * 2]!;
      const d1 = digests[index * 2 + 1]!;
      halves[at++] = d0;
      halves[at++] = d0 >>> 16;
      halves[at++] = d1;
      halves[at++] = d1 >>> 16;
    }
  }
  return new Uint8Array(buffer, 0, bytes);
}

function indexOf(
  counts: Uint32Array,
  records: Uint8Array,
  layout: RecordLayout,
  keys: number,
): Uint8Array<ArrayBuffer> {
  const directoryBytes = counts.length * layout.countBytes;
  const blocks = blockCount(keys, layout);
  const index = new Uint8Array(directoryBytes + blocks * 4);
  const directory = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[layout.countBytes];
  new directory(index.buffer, 0, counts.length).set(counts);
  const checksums = new Uint32Array(index.buffer, directoryBytes, blocks);
  const blockBytes = recordsPerBlock(layout) * recordBytes(layout);
  for (let block = 0; block < blocks; block++) {
    checksums[block] = crc32(records.subarray(block * blockBytes, (block + 1) * blockBytes));
  }
  return index;
}
