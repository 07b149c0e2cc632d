import type { ImageBytes } from '../../image/image-bytes.js';
import type { DecodePart, FoundStream, StreamFinder } from '../stream-finder.js';
import { dataBlocks } from './squashfs-inodes.js';
import { MetadataReader } from './squashfs-metadata.js';
import { readSuperblock, SUPERBLOCK_BYTES, type Superblock } from './squashfs-superblock.js';

/** File systems begin where sectors do, as a whole image or as a partition. */
const SECTOR_BYTES = 512;
/** "hsqs" */
const MAGIC = [0x68, 0x73, 0x71, 0x73];

const FRAGMENT_ENTRY_BYTES = 16;
const UNCOMPRESSED_BLOCK = 1 << 24;

/** squashfs 4.0: data blocks, fragments, and the blocks of its tables. @see Linux, Documentation/filesystems/squashfs.rst */
export const squashfs: StreamFinder = {
  name: 'squashfs',
  async *find(image, decode) {
    for (let at = 0; at + SUPERBLOCK_BYTES <= image.size; at += SECTOR_BYTES) {
      const magic = image.view(at, MAGIC.length);
      if (MAGIC.some((byte, i) => magic[i] !== byte)) continue;
      const superblock = readSuperblock(image, at);
      if (superblock === undefined) continue;
      yield* streamsOf(image, superblock, decode);
      at += Math.floor((superblock.bytesUsed - 1) / SECTOR_BYTES) * SECTOR_BYTES;
    }
  },
};

async function* streamsOf(image: ImageBytes, superblock: Superblock, decode: DecodePart): AsyncGenerator<FoundStream> {
  const { start, codec, blockBytes, inodeTable, directoryTable } = superblock;
  const tables = new MetadataReader(image, superblock, decode);
  const stream = (at: number, packedBytes: number): FoundStream | undefined =>
    at > 0 && packedBytes > 0 && at + packedBytes <= superblock.bytesUsed
      ? { codec, at: start + at, packedBytes, isExact: true, isLeaf: true }
      : undefined;

  const inodes = await tables.readBetween(inodeTable, directoryTable);
  const fragments = await tables.readIndexed(superblock.fragmentTable, superblock.fragments * FRAGMENT_ENTRY_BYTES);
  await tables.readIndexed(superblock.exportTable, superblock.inodes * 8);
  await tables.readIndexed(superblock.idTable, superblock.ids * 4);
  await tables.readBetween(directoryTable, tables.firstBlockAfter(directoryTable));
  for (const { at, packedBytes } of tables.packedBlocks) {
    const found = stream(at, packedBytes);
    if (found !== undefined) yield found;
  }

  for (const { at, sizes } of dataBlocks(inodes, blockBytes)) {
    let blockAt = at;
    for (const size of sizes) {
      const found = (size & UNCOMPRESSED_BLOCK) === 0 ? stream(blockAt, size) : undefined;
      if (found !== undefined) yield found;
      blockAt += size & (UNCOMPRESSED_BLOCK - 1);
    }
  }
  const entries = new DataView(fragments.buffer, fragments.byteOffset, fragments.length);
  for (let entry = 0; entry + FRAGMENT_ENTRY_BYTES <= fragments.length; entry += FRAGMENT_ENTRY_BYTES) {
    const size = entries.getUint32(entry + 8, true);
    if ((size & UNCOMPRESSED_BLOCK) !== 0) continue;
    const found = stream(Number(entries.getBigUint64(entry, true)), size);
    if (found !== undefined) yield found;
  }
}
