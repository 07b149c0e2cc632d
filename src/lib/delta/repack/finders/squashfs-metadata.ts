import type { ImageBytes } from '../../image/image-bytes.js';
import type { DecodePart } from '../stream-finder.js';
import type { Superblock } from './squashfs-superblock.js';

/** Content of a metadata block. */
const BLOCK_BYTES = 8192;
const SIZE_BYTES = 2;
const UNCOMPRESSED = 0x8000;
const PLACE_BYTES = 8;
/** Tables larger than this are not followed, bytes. */
const MAX_TABLE_BYTES = 64 * 1024 * 1024;

/** Reads the tables of a squashfs, which are blocks of 8 KiB that are mostly packed, and notes where those lie. */
export class MetadataReader {
  /** Packed blocks met so far; places are counted from the start of the file system. */
  readonly packedBlocks: { at: number; packedBytes: number }[] = [];
  readonly #image: ImageBytes;
  readonly #superblock: Superblock;
  readonly #decode: DecodePart;
  readonly #firstBlocks: number[] = [];

  constructor(image: ImageBytes, superblock: Superblock, decode: DecodePart) {
    this.#image = image;
    this.#superblock = superblock;
    this.#decode = decode;
  }

  /** Reads the blocks from one place to another, as far as they are good. */
  async readBetween(from: number, to: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    const end = Math.min(to, this.#superblock.bytesUsed);
    let readBytes = 0;
    for (let at = from; at + SIZE_BYTES < end && readBytes < MAX_TABLE_BYTES; ) {
      const block = await this.#readBlock(at);
      if (block === undefined) break;
      pieces.push(block.content);
      readBytes += block.content.length;
      at = block.end;
    }
    return Buffer.concat(pieces);
  }

  /** Reads a table whose blocks an index lists. */
  async readIndexed(index: number | undefined, tableBytes: number): Promise<Uint8Array> {
    const places = index === undefined ? [] : this.#places(index, Math.ceil(tableBytes / BLOCK_BYTES));
    if (places.length > 0) this.#firstBlocks.push(places[0]!);
    const pieces: Uint8Array[] = [];
    for (const place of places) {
      const block = await this.#readBlock(place);
      if (block === undefined) break;
      pieces.push(block.content);
    }
    return Buffer.concat(pieces);
  }

  /** Where the blocks of the next indexed table begin; the end of the file system where none does. */
  firstBlockAfter(place: number): number {
    return Math.min(...this.#firstBlocks.filter((first) => first > place), this.#superblock.bytesUsed);
  }

  #places(index: number, count: number): number[] {
    const { start, bytesUsed } = this.#superblock;
    const fitting = Math.min(count, Math.floor((bytesUsed - index) / PLACE_BYTES), MAX_TABLE_BYTES / BLOCK_BYTES);
    if (fitting <= 0) return [];
    const bytes = this.#image.view(start + index, fitting * PLACE_BYTES).slice();
    const view = new DataView(bytes.buffer);
    return Array.from({ length: fitting }, (_, i) => Number(view.getBigUint64(i * PLACE_BYTES, true)));
  }

  async #readBlock(at: number): Promise<{ content: Uint8Array; end: number } | undefined> {
    const { start, bytesUsed, codec } = this.#superblock;
    if (at + SIZE_BYTES > bytesUsed) return undefined;
    const [low, high] = this.#image.view(start + at, SIZE_BYTES) as unknown as [number, number];
    const header = low | (high << 8);
    const size = header & (UNCOMPRESSED - 1);
    const end = at + SIZE_BYTES + size;
    if (size === 0 || size > BLOCK_BYTES || end > bytesUsed) return undefined;
    const bytes = this.#image.view(start + at + SIZE_BYTES, size).slice();
    if ((header & UNCOMPRESSED) !== 0) return { content: bytes, end };
    this.packedBlocks.push({ at: at + SIZE_BYTES, packedBytes: size });
    const content = await this.#decode(codec, bytes, BLOCK_BYTES);
    return content && { content, end };
  }
}
