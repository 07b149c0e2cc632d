import { EndsEarly } from '../codec.js';

/** What the header of a zstd frame says. @see RFC 8878, section 3.1.1 */
export interface ZstdFrame {
  /** Frame header descriptor: which fields follow. */
  descriptor: number;
  /** Window descriptor; 0 where the content itself is the window. */
  window: number;
  /** Magic number and header, bytes. */
  headerBytes: number;
  /** The whole frame, bytes. */
  packedBytes: number;
}

const MAGIC_NUMBER = 0xfd2fb528;
const [SINGLE_SEGMENT, RESERVED, CHECKSUM, DICTIONARY] = [0x20, 0x18, 4, 3];
const CHECKSUM_BYTES = 4;
const MAX_BLOCK_BYTES = 128 * 1024;

/**
 * Walks the frame that bytes begin with; nothing is decoded.
 *
 * @throws EndsEarly, Error
 */
export function readZstdFrame(bytes: Uint8Array): ZstdFrame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 9) throw new EndsEarly('the stream ends early');
  const descriptor = bytes[4]!;
  if (view.getUint32(0, true) !== MAGIC_NUMBER || (descriptor & (RESERVED | DICTIONARY)) !== 0) {
    throw new Error('no zstd frame without a dictionary');
  }
  const headerBytes = zstdHeaderBytes(descriptor);
  for (let at = headerBytes; ; ) {
    if (at + 3 > bytes.length) throw new EndsEarly('the stream ends early');
    const header = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
    const type = (header >> 1) & 3;
    const size = header >> 3;
    if (type === 3 || size > MAX_BLOCK_BYTES) throw new Error('no zstd block');
    at += 3 + (type === 1 ? 1 : size);
    if ((header & 1) === 0) continue;
    const packedBytes = at + ((descriptor & CHECKSUM) === 0 ? 0 : CHECKSUM_BYTES);
    if (packedBytes > bytes.length) throw new EndsEarly('the stream ends early');
    const window = (descriptor & SINGLE_SEGMENT) === 0 ? bytes[5]! : 0;
    return { descriptor, window, headerBytes, packedBytes };
  }
}

/** Length of magic number and header. */
export function zstdHeaderBytes(descriptor: number): number {
  const isSingle = (descriptor & SINGLE_SEGMENT) !== 0;
  return 5 + (isSingle ? 0 : 1) + [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
}

/** Writes magic number and header of a frame. */
export function zstdHeader(descriptor: number, window: number, contentBytes: number): Uint8Array {
  const header = Buffer.alloc(zstdHeaderBytes(descriptor));
  header.writeUInt32LE(MAGIC_NUMBER, 0);
  header[4] = descriptor;
  const isSingle = (descriptor & SINGLE_SEGMENT) !== 0;
  if (!isSingle) header[5] = window;
  const at = isSingle ? 5 : 6;
  const kind = descriptor >> 6;
  if (kind === 0 && isSingle) header[at] = contentBytes;
  if (kind === 1) header.writeUInt16LE(Math.max(0, contentBytes - 256) % 65_536, at);
  if (kind === 2) header.writeUInt32LE(contentBytes, at);
  if (kind === 3) header.writeBigUInt64LE(BigInt(contentBytes), at);
  return header;
}

/** The descriptor that the library writes when it is given the whole content at once. */
export function simpleDescriptor(contentBytes: number): number {
  const kind = contentBytes < 256 ? 0 : contentBytes < 65_536 + 256 ? 1 : 2;
  return kind * 64 + SINGLE_SEGMENT;
}

/** Zeros where a check belongs: it is a hash that the codec's library does not show, and becomes a correction. */
export function zstdChecksum(descriptor: number): Uint8Array {
  return new Uint8Array((descriptor & CHECKSUM) === 0 ? 0 : CHECKSUM_BYTES);
}
