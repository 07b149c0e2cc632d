import { crc32 } from 'node:zlib';
import type { DurableFile } from '../core/durable-fs.js';
import { unknownFormat } from './log-frame.js';
import {
  blockCount,
  FORMAT_VERSION,
  NO_DATA,
  type RecordLayout,
  recordBytes,
  SEGMENT_HEADER_BYTES,
  SEGMENT_MAGIC,
} from './segment-layout.js';
import type { Checkpoint } from './store.js';

/** What a segment says of its generation. */
export interface SegmentHeader {
  readonly generation: number;
  readonly keyCount: number;
  /** Keys ever inserted into the store before its first and with its last one. */
  readonly insertedBefore: number;
  readonly insertedKeys: number;
  /** Where the generation begins and ends. The first one of a store begins at none. */
  readonly first: Checkpoint | undefined;
  readonly last: Checkpoint | undefined;
  /** Event time at its start, or of its first commit in a new store; and of its last commit. */
  readonly firstTimeMs: number | undefined;
  readonly lastTimeMs: number | undefined;
  readonly layout: RecordLayout;
}

/** Places of the directory between two remembered sums. */
const GROUP_PLACES = 64;

/** A sealed generation: its records stay in the file, its directory in memory. */
export class Segment {
  readonly file: DurableFile;
  readonly header: SegmentHeader;
  readonly keyCount: number;
  readonly directoryBits: number;
  readonly recordBytes: number;
  /** Where the records begin in the file. */
  readonly recordsAt: number;
  /** How many records there are for each place of the directory. */
  readonly counts: Uint8Array | Uint16Array | Uint32Array;
  readonly #groups: Uint32Array;
  /** CRC-32 of each block. */
  readonly checksums: Uint32Array;

  constructor(file: DurableFile, header: SegmentHeader, recordsAt: number, index: Uint8Array<ArrayBuffer>) {
    this.file = file;
    this.header = header;
    this.keyCount = header.keyCount;
    this.directoryBits = header.layout.directoryBits;
    this.recordBytes = recordBytes(header.layout);
    this.recordsAt = recordsAt;
    const places = 2 ** this.directoryBits;
    const directory = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[header.layout.countBytes];
    const checksumsAt = places * header.layout.countBytes;
    this.counts = new directory(index.buffer, 0, places);
    this.checksums = new Uint32Array(index.buffer.slice(checksumsAt, index.byteLength));
    this.#groups = new Uint32Array(places / GROUP_PLACES);
    for (let place = 0, sum = 0; place < places; sum += this.counts[place++]!) {
      if (place % GROUP_PLACES === 0) this.#groups[place / GROUP_PLACES] = sum;
    }
  }

  get memoryBytes(): number {
    return this.counts.buffer.byteLength + this.#groups.byteLength + this.checksums.byteLength;
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  /** Number of the first record whose key begins like this one. */
  firstRecord(k0: number): number {
    const place = k0 >>> (32 - this.directoryBits);
    let record = this.#groups[place >>> 6]!;
    for (let at = place & ~(GROUP_PLACES - 1); at < place; at++) record += this.counts[at]!;
    return record;
  }

  /** Brings in what the two look-ups around it need, while others wait for the same. */
  touch(k0: number): number {
    const place = k0 >>> (32 - this.directoryBits);
    return this.#groups[place >>> 6]! ^ this.counts[place]!;
  }

  /** How many records begin like this key. */
  recordCount(k0: number): number {
    return this.counts[k0 >>> (32 - this.directoryBits)]!;
  }
}

/** @returns the start of a segment's file: header, and the parts that its checksums cover */
export function encodeSegmentStart(header: SegmentHeader, index: Uint8Array): Uint8Array[] {
  const covered = [header.first?.data ?? new Uint8Array(), header.last?.data ?? new Uint8Array(), index];
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  const { directoryBits, countBytes, digestBytes } = header.layout;
  bytes.set(SEGMENT_MAGIC);
  view.setUint32(8, FORMAT_VERSION | (digestBytes << 8) | (directoryBits << 16) | (countBytes << 24), true);
  view.setUint32(12, header.generation, true);
  view.setUint32(16, header.keyCount, true);
  view.setUint32(24, header.first?.data.byteLength ?? NO_DATA, true);
  view.setUint32(28, header.last?.data.byteLength ?? NO_DATA, true);
  view.setFloat64(32, header.insertedBefore, true);
  view.setFloat64(40, header.insertedKeys, true);
  view.setFloat64(48, header.firstTimeMs ?? Number.NaN, true);
  view.setFloat64(56, header.lastTimeMs ?? Number.NaN, true);
  view.setUint32(
    72,
    covered.reduce((crc, part) => crc32(part, crc), 0),
    true,
  );
  view.setUint32(76, crc32(bytes.subarray(0, 76)), true);
  return [bytes, ...covered];
}

/**
 * @returns the segment, or why it cannot be read as a whole
 * @throws OtaError STORE_MISMATCH for one of a later format; IO_FAILED
 */
export function readSegment(file: DurableFile, generation: number): Segment | string {
  const start = new Uint8Array(SEGMENT_HEADER_BYTES);
  const view = new DataView(start.buffer);
  file.read(start, 0);
  if (!SEGMENT_MAGIC.every((byte, at) => start[at] === byte)) return 'the file does not begin like a segment';
  if (view.getUint32(76, true) !== crc32(start.subarray(0, 76))) return "the header's checksum is wrong";
  const format = view.getUint32(8, true);
  const digestBytes = (format >>> 8) & 0xff;
  const directoryBits = (format >>> 16) & 0xff;
  const countBytes = format >>> 24;
  const isKnown =
    (format & 0xff) === FORMAT_VERSION &&
    (digestBytes === 0 || digestBytes === 8) &&
    (directoryBits === 8 || directoryBits === 16) &&
    (countBytes === 1 || countBytes === 2 || countBytes === 4);
  if (!isKnown) throw unknownFormat(format);
  if (view.getUint32(12, true) !== generation) return `it is generation ${view.getUint32(12, true)}`;
  const layout: RecordLayout = { directoryBits, countBytes, digestBytes };
  const keyCount = view.getUint32(16, true);
  const lengths = [view.getUint32(24, true), view.getUint32(28, true)].map((n) => (n === NO_DATA ? undefined : n));
  const dataBytes = (lengths[0] ?? 0) + (lengths[1] ?? 0);
  const indexBytes = 2 ** directoryBits * countBytes + blockCount(keyCount, layout) * 4;
  if (SEGMENT_HEADER_BYTES + dataBytes + indexBytes > file.size) return 'the file ends early';
  const data = new Uint8Array(dataBytes);
  const index = new Uint8Array(indexBytes);
  file.read(data, SEGMENT_HEADER_BYTES);
  file.read(index, SEGMENT_HEADER_BYTES + dataBytes);
  if (view.getUint32(72, true) !== crc32(index, crc32(data))) return "the directory's checksum is wrong";
  const checkpoint = (at: number, length: number | undefined, insertedKeys: number, time: number | undefined) =>
    length === undefined
      ? undefined
      : { data: data.slice(at, at + length), insertedKeys, ...(time === undefined ? {} : { eventTimeMs: time }) };
  const insertedBefore = view.getFloat64(32, true);
  const insertedKeys = view.getFloat64(40, true);
  const [firstTimeMs, lastTimeMs] = [48, 56].map((at) => definedTime(view.getFloat64(at, true)));
  const header: SegmentHeader = {
    generation,
    keyCount,
    insertedBefore,
    insertedKeys,
    first: checkpoint(0, lengths[0], insertedBefore, firstTimeMs),
    last: checkpoint(lengths[0] ?? 0, lengths[1], insertedKeys, lastTimeMs),
    firstTimeMs,
    lastTimeMs,
    layout,
  };
  return new Segment(file, header, SEGMENT_HEADER_BYTES + dataBytes + indexBytes, index);
}

function definedTime(ms: number): number | undefined {
  return Number.isNaN(ms) ? undefined : ms;
}
