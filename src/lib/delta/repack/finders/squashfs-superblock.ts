import type { ImageBytes } from '../../image/image-bytes.js';

/** What the first bytes of a squashfs say; places are counted from its start. */
export interface Superblock {
  /** Where the file system begins in the image. */
  start: number;
  codec: string;
  blockBytes: number;
  bytesUsed: number;
  inodes: number;
  fragments: number;
  ids: number;
  inodeTable: number;
  directoryTable: number;
  /** Undefined for tables that the file system does not have. */
  fragmentTable: number | undefined;
  exportTable: number | undefined;
  idTable: number | undefined;
}

export const SUPERBLOCK_BYTES = 96;
/** Compressors by number; lzma and lzo have no encoder here. */
const CODECS: Record<number, string> = { 1: 'zlib', 4: 'xz', 5: 'lz4-block', 6: 'zstd' };
const [MIN_BLOCK_LOG, MAX_BLOCK_LOG] = [12, 20];

/** @returns undefined for what is no squashfs 4.0, or has a compressor that is not known */
export function readSuperblock(image: ImageBytes, start: number): Superblock | undefined {
  const bytes = image.view(start, SUPERBLOCK_BYTES).slice();
  const view = new DataView(bytes.buffer);
  const place = (at: number) => Number(view.getBigUint64(at, true));
  const codec = CODECS[view.getUint16(20, true)];
  const blockLog = view.getUint16(22, true);
  const bytesUsed = place(40);
  const isKnown =
    view.getUint16(28, true) === 4 &&
    view.getUint16(30, true) === 0 &&
    blockLog >= MIN_BLOCK_LOG &&
    blockLog <= MAX_BLOCK_LOG &&
    view.getUint32(12, true) === 2 ** blockLog &&
    bytesUsed > SUPERBLOCK_BYTES &&
    start + bytesUsed <= image.size;
  if (!isKnown || codec === undefined) return undefined;
  const table = (at: number) => (place(at) < bytesUsed ? place(at) : undefined);
  return {
    start,
    codec,
    blockBytes: 2 ** blockLog,
    bytesUsed,
    inodes: view.getUint32(4, true),
    fragments: view.getUint32(16, true),
    ids: view.getUint16(26, true),
    inodeTable: place(64),
    directoryTable: place(72),
    fragmentTable: table(80),
    exportTable: table(88),
    idTable: table(48),
  };
}
