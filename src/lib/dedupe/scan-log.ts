import type { DurableFile } from '../core/durable-fs.js';
import {
  checksum,
  decodeFrameHeader,
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  type FrameHeader,
  frameBytes,
} from './log-frame.js';
import type { DamagedBlock } from './store.js';

const SEARCH_BYTES = 1 << 20;

export interface ScannedFrame {
  readonly header: FrameHeader;
  /** Where it begins in the file, and where the next one does. */
  readonly start: number;
  readonly end: number;
  /** 4 words for each key; overwritten by the next frame. */
  readonly keys: Uint32Array;
  readonly digests: Uint32Array;
}

export interface LogScan {
  /** End of the last valid frame. */
  readonly end: number;
  /** Bytes behind it, which a crash left half-written: only the newest log of a store may have them. */
  readonly tornBytes: number;
  readonly damage: readonly DamagedBlock[];
}

/**
 * Reads all frames of a log and checks each; a frame behind a damaged place is found by its magic number.
 *
 * @param options.file its name for reports
 * @throws OtaError STORE_MISMATCH, IO_FAILED
 */
export function scanLog(
  log: DurableFile,
  options: { file: string; generation: number },
  onFrame: (frame: ScannedFrame) => void,
): LogScan {
  const { file, generation } = options;
  const reader = new FrameReader(log, generation);
  const damage: DamagedBlock[] = [];
  let end = 0;
  let isBehindDamage = false;
  while (end < log.size) {
    const frame = reader.read(end);
    if (frame !== undefined) {
      const lost = frame.header.number - reader.nextNumber;
      if (lost > 0 && !isBehindDamage) {
        damage.push({ file, offset: end, bytes: 0, cause: `${lost} frames are missing` });
      }
      onFrame(frame);
      reader.nextNumber = frame.header.number + 1;
      isBehindDamage = false;
      end = frame.end;
      continue;
    }
    const next = reader.findNext(end + 1);
    if (next === undefined) break;
    damage.push({ file, offset: end, bytes: next - end, ...lostKeys(reader, end), cause: 'the checksum is wrong' });
    isBehindDamage = true;
    end = next;
  }
  return { end, tornBytes: log.size - end, damage };
}

function lostKeys(reader: FrameReader, start: number): { keys?: number } {
  const header = reader.header(start);
  return header === undefined ? {} : { keys: header.keyCount };
}

class FrameReader {
  readonly #log: DurableFile;
  readonly #generation: number;
  /** Frames with lower numbers are what stood in this place of the disk before: they would bring old checkpoints back. */
  nextNumber = 0;
  readonly #header = new Uint8Array(FRAME_HEADER_BYTES);
  #body = new ArrayBuffer(1 << 17);

  constructor(log: DurableFile, generation: number) {
    this.#log = log;
    this.#generation = generation;
  }

  /** The header at `start` of a frame that fits into the file. */
  header(start: number): FrameHeader | undefined {
    if (start + FRAME_HEADER_BYTES > this.#log.size) return undefined;
    this.#log.read(this.#header, start);
    const header = decodeFrameHeader(this.#header);
    const fits = header?.generation === this.#generation && start + frameBytes(header) <= this.#log.size;
    return fits ? header : undefined;
  }

  read(start: number): ScannedFrame | undefined {
    const header = this.header(start);
    if (header === undefined || header.number < this.nextNumber) return undefined;
    const bytes = frameBytes(header) - FRAME_HEADER_BYTES;
    if (bytes > this.#body.byteLength) this.#body = new ArrayBuffer(bytes);
    const body = new Uint8Array(this.#body, 0, bytes);
    const got = this.#log.read(body, start + FRAME_HEADER_BYTES);
    if (got < bytes || checksum([body]) !== header.bodyChecksum) return undefined;
    const { keyCount, digestBytes } = header;
    return {
      header,
      start,
      end: start + FRAME_HEADER_BYTES + bytes,
      keys: new Uint32Array(this.#body, 0, keyCount * 4),
      digests: new Uint32Array(this.#body, keyCount * 16, (keyCount * digestBytes) / 4),
    };
  }

  /** Start of the first valid frame from here on. */
  findNext(from: number): number | undefined {
    const window = Buffer.alloc(Math.min(SEARCH_BYTES, Math.max(0, this.#log.size - from)));
    for (let at = from; at < this.#log.size; at += window.length - FRAME_MAGIC.length + 1) {
      const got = window.subarray(0, this.#log.read(window, at));
      for (let found = got.indexOf(FRAME_MAGIC); found !== -1; found = got.indexOf(FRAME_MAGIC, found + 1)) {
        if (this.read(at + found) !== undefined) return at + found;
      }
      if (window.length < FRAME_MAGIC.length) break;
    }
    return undefined;
  }
}
