/** A sealed generation's file: header, both checkpoints, directory, checksums of blocks, records. docs/dedupe-format.md */
export const SEGMENT_MAGIC = Uint8Array.of(0x89, ...Buffer.from('OTASEG\n'));
export const SEGMENT_HEADER_BYTES = 80;
export const FORMAT_VERSION = 1;
/** Stands for the length of a checkpoint that there is not. */
export const NO_DATA = 0xffffffff;
const BLOCK_BYTES = 16_384;
/** From here on, leaving out two bytes of each key outweighs a directory of 65,536 places. */
const MANY_KEYS = 32_768;

/**
 * How records lie in a segment.
 *
 * Records are ordered by the first bits of their keys, and a directory counts how many there are of each. With 16 bits
 * those are left out of the record, as the directory says them.
 */
export interface RecordLayout {
  /** 8 or 16: bits of a key's first word by which records are ordered. */
  readonly directoryBits: number;
  /** Width of a count in the directory. */
  readonly countBytes: 1 | 2 | 4;
  readonly digestBytes: 0 | 8;
}

export function directoryBitsFor(keys: number): number {
  return keys >= MANY_KEYS ? 16 : 8;
}

export function recordBytes({
  directoryBits,
  digestBytes,
}: Pick<RecordLayout, 'directoryBits' | 'digestBytes'>): number {
  return (directoryBits === 16 ? 14 : 16) + digestBytes;
}

/** Records under one checksum; none lies in two blocks. */
export function recordsPerBlock(layout: Pick<RecordLayout, 'directoryBits' | 'digestBytes'>): number {
  return Math.floor(BLOCK_BYTES / recordBytes(layout));
}

export function blockCount(keys: number, layout: Pick<RecordLayout, 'directoryBits' | 'digestBytes'>): number {
  return Math.ceil(keys / recordsPerBlock(layout));
}

/** Bytes of a segment apart from its checkpoints, if no place of the directory holds more than 255 keys. */
export function segmentBytes(keys: number, digestBytes: 0 | 8): number {
  const layout = { directoryBits: directoryBitsFor(keys), digestBytes };
  return SEGMENT_HEADER_BYTES + 2 ** layout.directoryBits + blockCount(keys, layout) * 4 + keys * recordBytes(layout);
}
