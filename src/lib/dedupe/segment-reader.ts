import { crc32 } from 'node:zlib';
import type { Segment } from './segment.js';
import { recordsPerBlock } from './segment-layout.js';
import type { DamagedBlock } from './store.js';
import { segmentName } from './store-names.js';

const BLOCKS_PER_READ = 64;

/** Intact records in memory. */
export interface RecordRun {
  /** Holds them as they lie in the file, from `start` on. */
  readonly halves: Uint16Array;
  readonly start: number;
  /** Number of the first one in its segment, and how many there are. */
  readonly first: number;
  readonly count: number;
}

/** Reads the records of a segment from the first to the last one and checks each block. */
export class SegmentReader {
  readonly segment: Segment;
  /** Blocks whose records were not handed out. */
  readonly damage: DamagedBlock[] = [];
  readonly #perBlock: number;
  readonly #blockBytes: number;
  readonly #halves: Uint16Array;
  #next = 0;

  constructor(segment: Segment) {
    this.segment = segment;
    this.#perBlock = recordsPerBlock(segment.header.layout);
    this.#blockBytes = this.#perBlock * segment.recordBytes;
    this.#halves = new Uint16Array((Math.min(segment.checksums.length, BLOCKS_PER_READ) * this.#blockBytes) / 2);
  }

  /** Goes on with all blocks up to the one that holds this record, by default all. */
  readTo(record: number, onRun?: (run: RecordRun) => void): void {
    const end = Math.min(this.segment.checksums.length, Math.ceil(record / this.#perBlock));
    while (this.#next < end) {
      const blocks = Math.min(BLOCKS_PER_READ, end - this.#next);
      this.#readBlocks(blocks, onRun);
      this.#next += blocks;
    }
  }

  #readBlocks(blocks: number, onRun: ((run: RecordRun) => void) | undefined): void {
    const { file, recordsAt, recordBytes, keyCount, checksums } = this.segment;
    const bytes = new Uint8Array(this.#halves.buffer, 0, blocks * this.#blockBytes);
    const got = file.read(bytes, recordsAt + this.#next * this.#blockBytes);
    for (let block = 0; block < blocks; block++) {
      const first = (this.#next + block) * this.#perBlock;
      const count = Math.min(this.#perBlock, keyCount - first);
      const start = block * this.#blockBytes;
      const end = start + count * recordBytes;
      const cause =
        end > got
          ? 'the file ends early'
          : crc32(bytes.subarray(start, end)) !== checksums[this.#next + block]
            ? 'the checksum is wrong'
            : undefined;
      if (cause === undefined) onRun?.({ halves: this.#halves, start: start / 2, first, count });
      else this.#report(first, count, cause);
    }
  }

  #report(first: number, keys: number, cause: string): void {
    const { header, recordsAt, recordBytes } = this.segment;
    const offset = recordsAt + first * recordBytes;
    this.damage.push({ file: segmentName(header.generation), offset, bytes: keys * recordBytes, keys, cause });
  }
}

/** @returns the damaged blocks of a segment */
export function damagedBlocks(segment: Segment): readonly DamagedBlock[] {
  const reader = new SegmentReader(segment);
  reader.readTo(segment.keyCount);
  return reader.damage;
}
