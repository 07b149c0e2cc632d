import type { ImageBytes } from '../image/image-bytes.js';
import { releaseBytes } from '../release-bytes.js';

const FACTOR = 0x0101_5a4d;
const BLOCKS_A_VIEW = 256;
const EMPTY = -1;

/** Where blocks of the old image that lie on a grid occur in other bytes, at any offset: by a rolling hash. */
export class BlockTable {
  readonly #blockBytes: number;
  /** Numbers of blocks, by open addressing on their hashes. */
  readonly #slots: Int32Array;
  readonly #hashes: Int32Array;
  /** A bit for each of the hashes' upper bits that occurs: most bytes need no look at the slots. */
  readonly #filter: Uint8Array;
  readonly #shift: number;
  /** What a byte contributes that leaves the block. */
  readonly #leaving: number;

  constructor(old: ImageBytes, blockBytes: number) {
    const count = Math.floor(old.size / blockBytes);
    const bits = Math.max(8, 33 - Math.clz32(count));
    this.#blockBytes = blockBytes;
    this.#slots = new Int32Array(2 ** bits).fill(EMPTY);
    this.#hashes = new Int32Array(count);
    this.#filter = new Uint8Array(2 ** bits);
    this.#shift = 32 - bits - 3;
    let leaving = 1;
    for (let i = 0; i < blockBytes; i++) leaving = Math.imul(leaving, FACTOR);
    this.#leaving = leaving;
    for (let block = 0; block < count; block += BLOCKS_A_VIEW) {
      const blocks = Math.min(BLOCKS_A_VIEW, count - block);
      const view = old.view(block * blockBytes, blocks * blockBytes);
      for (let i = 0; i < blocks; i++) this.#add(block + i, hashOf(view, i * blockBytes, blockBytes));
    }
  }

  /** Gives its memory back; nothing is found afterwards. */
  release(): void {
    releaseBytes(this.#slots, this.#hashes, this.#filter);
  }

  #add(block: number, hash: number): void {
    this.#hashes[block] = hash;
    const slot = this.#slotOf(hash);
    if (this.#slots[slot] !== EMPTY) return; // the first of equal blocks stands for all
    this.#slots[slot] = block;
    const bit = mixed(hash) >>> this.#shift;
    this.#filter[bit >>> 3]! |= 1 << (bit & 7);
  }

  /** The slot of the block with this hash, or the empty one where it would be. */
  #slotOf(hash: number): number {
    const mask = this.#slots.length - 1;
    let slot = mixed(hash) & mask;
    while (this.#slots[slot] !== EMPTY && this.#hashes[this.#slots[slot]!] !== hash) slot = (slot + 1) & mask;
    return slot;
  }

  /**
   * Finds the first offset below `offsets` where bytes have the hash of a block.
   *
   * @param bytes `offsets` − 1 + the size of a block
   */
  find(bytes: Uint8Array, offsets: number): { offset: number; oldAt: number } | undefined {
    const blockBytes = this.#blockBytes;
    const filter = this.#filter;
    const shift = this.#shift;
    const leaving = this.#leaving;
    let hash = hashOf(bytes, 0, blockBytes);
    for (let offset = 0; ; ) {
      const bit = mixed(hash) >>> shift;
      if ((filter[bit >>> 3]! & (1 << (bit & 7))) !== 0) {
        const block = this.#slots[this.#slotOf(hash)]!;
        if (block !== EMPTY) return { offset, oldAt: block * blockBytes };
      }
      if (offset + 1 >= offsets) return undefined;
      hash = (Math.imul(hash, FACTOR) + bytes[offset + blockBytes]! - Math.imul(bytes[offset]!, leaving)) | 0;
      offset++;
    }
  }
}

function hashOf(bytes: Uint8Array, from: number, length: number): number {
  let hash = 0;
  for (let i = from; i < from + length; i++) hash = (Math.imul(hash, FACTOR) + bytes[i]!) | 0;
  return hash;
}

/** The rolling hash leaves its lower bits to the last bytes alone. */
function mixed(hash: number): number {
  const spread = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (spread ^ (spread >>> 13)) >>> 0;
}
