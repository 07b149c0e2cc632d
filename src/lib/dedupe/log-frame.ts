import { crc32 } from 'node:zlib';
import { OtaError } from '../core/errors.js';
import { FORMAT_VERSION, NO_DATA } from './segment-layout.js';
import { bytesOf } from './shared-words.js';
import type { CheckpointRecord } from './store.js';

/** One commit in the log of a generation. docs/dedupe-format.md */
export const FRAME_MAGIC = Uint8Array.of(0x89, ...Buffer.from('OTALOG\n'));
export const FRAME_HEADER_BYTES = 64;
export const MAX_DATA_BYTES = 65_536;

export interface FrameHeader {
  readonly generation: number;
  /** From 0 in each generation. */
  readonly number: number;
  readonly keyCount: number;
  readonly digestBytes: 0 | 8;
  /** None where nothing was committed yet: at the start of a store. */
  readonly dataBytes: number | undefined;
  /** The oldest generation that counts; files of older ones are left over. */
  readonly oldestGeneration: number;
  /** Keys ever inserted into the store, this frame's included. */
  readonly insertedKeys: number;
  readonly eventTimeMs: number | undefined;
  readonly bodyChecksum: number;
}

export interface FrameContent extends Omit<FrameHeader, 'dataBytes' | 'eventTimeMs' | 'bodyChecksum' | 'keyCount'> {
  readonly checkpoint: CheckpointRecord | undefined;
  /** Keys `from` up to `to` of these. */
  readonly keys: Uint32Array;
  readonly digests: Uint32Array;
  readonly from: number;
  readonly to: number;
}

/** @returns the parts of a frame, ready to be appended */
export function encodeFrame(content: FrameContent): Uint8Array[] {
  const { checkpoint, from, to, digestBytes } = content;
  const body = [bytesOf(content.keys, from * 4, to * 4)];
  if (digestBytes > 0) body.push(bytesOf(content.digests, from * 2, to * 2));
  if (checkpoint !== undefined) body.push(checkpoint.data);
  const header = new Uint8Array(FRAME_HEADER_BYTES);
  const view = new DataView(header.buffer);
  header.set(FRAME_MAGIC);
  view.setUint32(8, content.generation, true);
  view.setUint32(12, content.number, true);
  view.setUint32(16, to - from, true);
  view.setUint32(20, checkpoint === undefined ? NO_DATA : checkpoint.data.byteLength, true);
  view.setUint32(24, FORMAT_VERSION | (digestBytes << 8), true);
  view.setUint32(28, content.oldestGeneration, true);
  view.setFloat64(32, content.insertedKeys, true);
  view.setFloat64(40, checkpoint?.eventTimeMs ?? Number.NaN, true);
  view.setUint32(56, checksum(body), true);
  view.setUint32(60, crc32(header.subarray(0, 60)), true);
  return [header, ...body];
}

/**
 * @returns undefined unless these 64 bytes are the header of a frame
 * @throws OtaError STORE_MISMATCH for one of a later format: it must not be taken for damage and cut off
 */
export function decodeFrameHeader(bytes: Uint8Array): FrameHeader | undefined {
  if (!FRAME_MAGIC.every((byte, at) => bytes[at] === byte)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, FRAME_HEADER_BYTES);
  if (view.getUint32(60, true) !== crc32(bytes.subarray(0, 60))) return undefined;
  const format = view.getUint32(24, true);
  const digestBytes = format >>> 8;
  if ((format & 0xff) !== FORMAT_VERSION || (digestBytes !== 0 && digestBytes !== 8)) throw unknownFormat(format);
  const dataBytes = view.getUint32(20, true);
  const eventTimeMs = view.getFloat64(40, true);
  return {
    generation: view.getUint32(8, true),
    number: view.getUint32(12, true),
    keyCount: view.getUint32(16, true),
    digestBytes,
    dataBytes: dataBytes === NO_DATA ? undefined : dataBytes,
    oldestGeneration: view.getUint32(28, true),
    insertedKeys: view.getFloat64(32, true),
    eventTimeMs: Number.isNaN(eventTimeMs) ? undefined : eventTimeMs,
    bodyChecksum: view.getUint32(56, true),
  };
}

/** Bytes of the whole frame. */
export function frameBytes({
  keyCount,
  digestBytes,
  dataBytes = 0,
}: Pick<FrameHeader, 'keyCount' | 'digestBytes' | 'dataBytes'>): number {
  return FRAME_HEADER_BYTES + keyCount * (16 + digestBytes) + dataBytes;
}

export function checksum(parts: readonly Uint8Array[]): number {
  return parts.reduce((crc, part) => crc32(part, crc), 0);
}

export function unknownFormat(format: number): OtaError {
  return new OtaError(
    'STORE_MISMATCH',
    `the dedupe store has format ${format & 0xff} (0x${format.toString(16)}), expected ${FORMAT_VERSION}`,
    ['Use the release of ota-fleet that wrote it, or a later one.'],
  );
}
