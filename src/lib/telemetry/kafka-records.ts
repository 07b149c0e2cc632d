import { OtaError } from '../core/errors.js';
import type { KafkaClient } from './kafka-cluster.js';
import { LineBuffer } from './line-buffer.js';

/**
 * Batches of records as they lie in the log of a partition.
 *
 * @see https://kafka.apache.org/documentation/#recordbatch
 */
const HEADER_BYTES = 61;
/** Where the checksummed part of a batch begins. */
const ATTRIBUTES = 21;
const TRANSACTIONAL = 1 << 4;
const CONTROL = 1 << 5;
const COMPRESSION = 0b111;
const MAGIC = 2;
const ABORT = 0;
/** A batch may be compressed; what it expands to is limited as everything from outside is. */
const MAX_EXPANDED_BYTES = 256 << 20;

/** A message on its way into a batch. */
export interface OutgoingRecord {
  readonly id: string;
  readonly line: Uint8Array;
}

export interface ProducerState {
  readonly producerId: bigint;
  readonly epoch: number;
}

/**
 * One transactional batch: the id is the key, the line the value.
 *
 * @param firstSequence number of the first record among all that this producer epoch wrote to the partition
 */
export function encodeBatch(
  client: KafkaClient,
  records: readonly OutgoingRecord[],
  { producerId, epoch }: ProducerState,
  firstSequence: number,
  timestampMs: number,
): Buffer {
  let bound = HEADER_BYTES;
  for (const { id, line } of records) bound += line.length + 3 * id.length + 32;
  const bytes = Buffer.allocUnsafe(bound);
  let at = HEADER_BYTES;
  for (let index = 0; index < records.length; index++) {
    const { id, line } = records[index]!;
    const keyBytes = Buffer.byteLength(id);
    // attributes, time and number of the record, key, value, no headers
    const length =
      2 + varintBytes(index) + varintBytes(keyBytes) + keyBytes + varintBytes(line.length) + line.length + 1;
    at = putVarint(bytes, at, length);
    bytes[at++] = 0;
    bytes[at++] = 0;
    at = putVarint(bytes, at, index);
    at = putVarint(bytes, at, keyBytes);
    at += bytes.write(id, at, 'utf8');
    at = putVarint(bytes, at, line.length);
    bytes.set(line, at);
    at += line.length;
    bytes[at++] = 0;
  }
  bytes.writeBigInt64BE(0n, 0);
  bytes.writeInt32BE(at - 12, 8);
  bytes.writeInt32BE(-1, 12);
  bytes[16] = MAGIC;
  bytes.writeInt16BE(TRANSACTIONAL, ATTRIBUTES);
  bytes.writeInt32BE(records.length - 1, 23);
  bytes.writeBigInt64BE(BigInt(timestampMs), 27);
  bytes.writeBigInt64BE(BigInt(timestampMs), 35);
  bytes.writeBigInt64BE(producerId, 43);
  bytes.writeInt16BE(epoch, 51);
  bytes.writeInt32BE(firstSequence, 53);
  bytes.writeInt32BE(records.length, 57);
  bytes.writeUInt32BE(client.crc32c(bytes.subarray(ATTRIBUTES, at)), 17);
  return bytes.subarray(0, at);
}

/** Part of an answer to a fetch. */
export interface FetchedRecords {
  readonly bytes: Buffer;
  /** Transactions that were aborted and reach into these bytes, each by its first offset. */
  readonly aborted: readonly { readonly producerId: bigint; readonly firstOffset: bigint }[];
}

/** Lines of committed records, and where to read on. */
export interface CommittedLines {
  readonly bytes: Uint8Array;
  readonly count: number;
  /** Offset of the first record handed out. */
  readonly firstOffset: bigint;
  /** Records whose key is not their message id. */
  readonly misrouted: number;
  readonly nextOffset: bigint;
}

/**
 * Takes the committed records from `from` on out of fetched batches and makes lines of them: one part or more, the last
 * of which says where to read on. A record without a value becomes the line `null`.
 *
 * A fetch with isolation "read committed" still carries the records of aborted transactions: the reader drops those
 * between a transaction's first offset and its marker.
 *
 * @param limits.maxChunkBytes a larger part holds one line only
 * @param limits.where names the partition in failures
 * @throws OtaError MESSAGE_INVALID for a damaged batch, LIMIT_EXCEEDED for one that expands too far
 */
export function committedLines(
  client: KafkaClient,
  fetched: FetchedRecords,
  from: bigint,
  { where, maxChunkBytes }: { where: string; maxChunkBytes: number },
): CommittedLines[] {
  const { bytes } = fetched;
  const parts: CommittedLines[] = [];
  const pending = [...fetched.aborted].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const aborting = new Set<bigint>();
  const lines = new LineBuffer();
  let nextOffset = from;
  let firstOffset = from;
  let misrouted = 0;
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const end = at + 12 + bytes.readInt32BE(at + 8);
    if (end > bytes.length) break; // cut off by the size of the fetch
    const damage = batchDamage(client, bytes, at, end);
    if (damage !== undefined) throw new OtaError('MESSAGE_INVALID', `${where}: a record batch is damaged: ${damage}`);
    const baseOffset = bytes.readBigInt64BE(at);
    const lastOffset = baseOffset + BigInt(bytes.readInt32BE(at + 23));
    const attributes = bytes.readInt16BE(at + ATTRIBUTES);
    const producerId = bytes.readBigInt64BE(at + 43);
    while (pending[0] !== undefined && pending[0].firstOffset <= lastOffset) aborting.add(pending.shift()!.producerId);
    if ((attributes & CONTROL) !== 0) {
      if (controlType(bytes, at) === ABORT) aborting.delete(producerId);
    } else if ((attributes & TRANSACTIONAL) === 0 || !aborting.has(producerId)) {
      const count = bytes.readInt32BE(at + 57);
      const body = expanded(client, bytes.subarray(at + HEADER_BYTES, end), attributes & COMPRESSION, where);
      const reader = new RecordReader(body);
      for (let index = 0; index < count; index++) {
        const { offsetDelta, key, value } = reader.next();
        const offset = baseOffset + BigInt(offsetDelta);
        if (offset < from) continue;
        const line = value ?? NULL_LINE;
        if (lines.lines > 0 && lines.byteLength + line.length >= maxChunkBytes) {
          parts.push({ count: lines.lines, bytes: lines.take(), firstOffset, misrouted, nextOffset: offset });
          misrouted = 0;
        }
        if (lines.lines === 0) firstOffset = offset;
        if (!isKeyedById(key, value)) misrouted++;
        lines.add(line);
      }
    }
    if (lastOffset >= nextOffset) nextOffset = lastOffset + 1n;
    at = end;
  }
  parts.push({ count: lines.lines, bytes: lines.take(), firstOffset, misrouted, nextOffset });
  return parts;
}

function batchDamage(client: KafkaClient, bytes: Buffer, at: number, end: number): string | undefined {
  if (end < at + HEADER_BYTES) return `its length is ${end - at} bytes`;
  if (bytes[at + 16] !== MAGIC) return `its format is ${bytes[at + 16]}, ${MAGIC} was expected`;
  const checksum = client.crc32c(bytes.subarray(at + ATTRIBUTES, end));
  return checksum === bytes.readUInt32BE(at + 17) ? undefined : 'its checksum does not match';
}

/** The key of a control record is its version and its type: 0 aborts, 1 commits. */
function controlType(bytes: Buffer, at: number): number {
  const { key } = new RecordReader(bytes.subarray(at + HEADER_BYTES)).next();
  return key === undefined ? -1 : key.readInt16BE(2);
}

function expanded(client: KafkaClient, bytes: Buffer, compression: number, where: string): Buffer {
  if (compression === 0) return bytes;
  const algorithms: Record<number, { decompressSync(data: Buffer): Buffer } | undefined> =
    client.compressionsAlgorithmsByBitmask;
  const algorithm = algorithms[compression];
  if (algorithm === undefined) throw new OtaError('MESSAGE_INVALID', `${where}: compression ${compression} is unknown`);
  const result = algorithm.decompressSync(bytes);
  if (result.length <= MAX_EXPANDED_BYTES) return result;
  throw new OtaError(
    'LIMIT_EXCEEDED',
    `${where}: a record batch expands to ${result.length} bytes, at most ${MAX_EXPANDED_BYTES} are accepted`,
  );
}

const MESSAGE_ID = Buffer.from('"messageId"');
const QUOTE = 0x22;

/** Whether the key is the value's message id; an id with escapes counts as another one. */
function isKeyedById(key: Buffer | undefined, value: Buffer | undefined): boolean {
  if (key === undefined || value === undefined) return false;
  let at = value.indexOf(MESSAGE_ID);
  if (at < 0) return false;
  at += MESSAGE_ID.length;
  while (at < value.length && value[at] !== QUOTE) at++;
  const end = at + 1 + key.length;
  return value[end] === QUOTE && value.compare(key, 0, key.length, at + 1, end) === 0;
}

const NULL_LINE = Buffer.from('null');

class RecordReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  next(): { offsetDelta: number; key: Buffer | undefined; value: Buffer | undefined } {
    const length = this.#varint();
    const end = this.#at + length;
    if (length < 6 || end > this.#bytes.length) throw new OtaError('MESSAGE_INVALID', 'kafka: a record is cut off');
    this.#at++; // attributes
    this.#skipVarint(); // time
    const offsetDelta = this.#varint();
    const key = this.#field(end);
    const value = this.#field(end);
    this.#at = end; // headers are of no interest
    return { offsetDelta, key, value };
  }

  #field(end: number): Buffer | undefined {
    const length = this.#varint();
    if (length < 0) return undefined;
    if (this.#at + length > end) throw new OtaError('MESSAGE_INVALID', 'kafka: a record is cut off');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #skipVarint(): void {
    while ((this.#bytes[this.#at++] ?? 0) >= 0x80);
  }

  /** Zigzag, at most five bytes. */
  #varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes[this.#at++] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return (value >>> 1) ^ -(value & 1);
  }
}

/** Bytes of the zigzag varint of a number that is not negative. */
function varintBytes(value: number): number {
  if (value < 0x40) return 1;
  if (value < 0x2000) return 2;
  if (value < 0x10_0000) return 3;
  return value < 0x800_0000 ? 4 : 5;
}

function putVarint(bytes: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value * 2;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 0x80;
  bytes[at++] = rest;
  return at;
}
