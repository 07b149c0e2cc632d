import { EndsEarly } from '../codec.js';
import { xzCheck, xzCheckBytes, xzCrc32 } from './xz-check.js';

/** What the frame of an xz stream says. */
export interface XzFrame {
  /** Kind of check after each block. */
  check: number;
  /** Each block's header, blocks of one stream are alike: its length and which sizes it states. */
  headerBytes: number;
  statesPackedBytes: boolean;
  statesUnpackedBytes: boolean;
  /** Filters before LZMA2: their numbers, and the distance of a delta filter. */
  filters: XzFilter[];
  /** LZMA2's only property: the dictionary. */
  dictionaryByte: number;
}

export interface XzFilter {
  id: number;
  /** One byte for the delta filter, none for the branch filters. */
  properties: Uint8Array;
}

/** A block's LZMA2 data inside the stream. */
export interface XzBlock {
  at: number;
  packedBytes: number;
  unpackedBytes: number;
}

export interface XzStream {
  frame: XzFrame;
  blocks: XzBlock[];
  /** The whole stream. */
  packedBytes: number;
}

const MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];
const STREAM_HEADER_BYTES = 12;
const LZMA2 = 0x21;

/**
 * Reads the frame of the xz stream that bytes begin with; sizes come from the LZMA2 chunks, so nothing is decoded.
 *
 * @throws Error when it is none, ends early, or its blocks are not alike
 * @see xz file format 1.0.4
 */
export function readXzStream(bytes: Uint8Array): XzStream {
  if (MAGIC.some((byte, i) => bytes[i] !== byte) || bytes[6] !== 0) throw new Error('no xz stream');
  const check = bytes[7] ?? -1;
  const checkBytes = xzCheckBytes(check);
  if (checkBytes === undefined) throw new Error('a check that no encoder writes');
  let frame: XzFrame | undefined;
  const blocks: XzBlock[] = [];
  let at = STREAM_HEADER_BYTES;
  for (let header = bytes[at]; header !== 0; header = bytes[at]) {
    if (header === undefined) throw new EndsEarly('the stream ends early');
    const next = readBlockHeader(bytes.subarray(at, at + (header + 1) * 4), check);
    if (frame !== undefined && !isAlike(frame, next)) throw new Error('the blocks of the stream are not alike');
    frame = next;
    const block = walkLzma2(bytes, at + next.headerBytes);
    blocks.push(block);
    at = block.at + roundUp(block.packedBytes) + checkBytes;
  }
  if (frame === undefined) throw new Error('the stream has no blocks');
  return { frame, blocks, packedBytes: at + indexBytes(frame, blocks).length + STREAM_HEADER_BYTES };
}

/** Puts the frame around blocks again. */
export function writeXzStream(frame: XzFrame, blocks: readonly { packed: Uint8Array; content: Uint8Array }[]): Buffer {
  const flags = Uint8Array.of(0, frame.check);
  const pieces: Uint8Array[] = [Uint8Array.from(MAGIC), flags, xzCrc32(flags)];
  for (const { packed, content } of blocks) {
    pieces.push(blockHeader(frame, packed.length, content.length), packed, padding(packed.length));
    pieces.push(xzCheck(frame.check, content));
  }
  const index = indexBytes(
    frame,
    blocks.map(({ packed, content }) => ({ at: 0, packedBytes: packed.length, unpackedBytes: content.length })),
  );
  const tail = Buffer.alloc(6);
  tail.writeUInt32LE(index.length / 4 - 1);
  tail[5] = frame.check;
  pieces.push(index, xzCrc32(tail), tail, Buffer.from('YZ'));
  return Buffer.concat(pieces);
}

function readBlockHeader(header: Uint8Array, check: number): XzFrame {
  const flags = header[1] ?? 0xff;
  if ((flags & 0x3c) !== 0) throw new Error('reserved flags in a block header');
  let at = 2;
  const number = () => {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = header[at++];
      if (byte === undefined) break;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new Error('a number in a block header is damaged');
  };
  const [statesPackedBytes, statesUnpackedBytes] = [(flags & 0x40) !== 0, (flags & 0x80) !== 0];
  if (statesPackedBytes) number();
  if (statesUnpackedBytes) number();
  const filters = Array.from({ length: (flags & 3) + 1 }, () => {
    const id = number();
    const length = number();
    const properties = header.slice(at, at + length);
    at += length;
    return { id, properties };
  });
  const last = filters.pop()!;
  if (last.id !== LZMA2 || last.properties.length !== 1 || last.properties[0]! > 40) throw new Error('not LZMA2');
  return {
    check,
    headerBytes: header.length,
    statesPackedBytes,
    statesUnpackedBytes,
    filters,
    dictionaryByte: last.properties[0]!,
  };
}

function blockHeader(frame: XzFrame, packedBytes: number, unpackedBytes: number): Uint8Array {
  const flags = frame.filters.length | (frame.statesPackedBytes ? 0x40 : 0) | (frame.statesUnpackedBytes ? 0x80 : 0);
  const body = [frame.headerBytes / 4 - 1, flags];
  if (frame.statesPackedBytes) body.push(...number(packedBytes));
  if (frame.statesUnpackedBytes) body.push(...number(unpackedBytes));
  for (const { id, properties } of frame.filters) body.push(...number(id), properties.length, ...properties);
  body.push(LZMA2, 1, frame.dictionaryByte);
  if (body.length > frame.headerBytes - 4) throw new Error('the block header has no room for its fields');
  while (body.length < frame.headerBytes - 4) body.push(0);
  const header = Uint8Array.from(body);
  return Buffer.concat([header, xzCrc32(header)]);
}

/** @see xz file format 1.0.4, section 4 */
function indexBytes({ headerBytes, check }: XzFrame, blocks: readonly XzBlock[]): Uint8Array {
  const body = [0, ...number(blocks.length)];
  for (const { packedBytes, unpackedBytes } of blocks) {
    body.push(...number(headerBytes + packedBytes + xzCheckBytes(check)!), ...number(unpackedBytes));
  }
  const index = Buffer.concat([Uint8Array.from(body), padding(body.length)]);
  return Buffer.concat([index, xzCrc32(index)]);
}

/** Follows the sizes of LZMA2 chunks to the end marker. */
function walkLzma2(bytes: Uint8Array, start: number): XzBlock {
  let unpackedBytes = 0;
  for (let at = start; ; ) {
    const control = bytes[at];
    if (control === undefined) throw new EndsEarly('the stream ends early');
    if (control === 0) return { at: start, packedBytes: at + 1 - start, unpackedBytes };
    const size = (i: number) => ((bytes[at + i]! << 8) | bytes[at + i + 1]!) + 1;
    if (control >= 0x80) {
      unpackedBytes += size(1) + ((control & 0x1f) << 16);
      at += size(3) + (control >= 0xc0 ? 6 : 5);
    } else if (control <= 2) {
      unpackedBytes += size(1);
      at += size(1) + 3;
    } else throw new Error('not an LZMA2 chunk');
  }
}

function isAlike(one: XzFrame, other: XzFrame): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function number(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) + 128);
  return [...bytes, left];
}

function padding(length: number): Uint8Array {
  return new Uint8Array(roundUp(length) - length);
}

function roundUp(length: number): number {
  return Math.ceil(length / 4) * 4;
}
