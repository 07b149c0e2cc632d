import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** Length of each kind of check, bytes. @see xz file format 1.0.4, section 2.1.1.2 */
const CHECK_BYTES: Record<number, number> = { 0: 0, 1: 4, 4: 8, 10: 32 };

/** @returns undefined for kinds that no encoder writes */
export function xzCheckBytes(kind: number): number | undefined {
  return CHECK_BYTES[kind];
}

/** The check of a block's content: none, CRC-32, CRC-64 or SHA-256. */
export function xzCheck(kind: number, content: Uint8Array): Uint8Array {
  if (kind === 1) return u32(crc32(content));
  if (kind === 4) return crc64(content);
  if (kind === 10) return createHash('sha256').update(content).digest();
  return new Uint8Array(0);
}

/** CRC-32 as the four bytes that xz writes. */
export function xzCrc32(bytes: Uint8Array): Uint8Array {
  return u32(crc32(bytes));
}

function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** ECMA-182, reflected: the high and the low half of each entry. */
let table: { high: Uint32Array; low: Uint32Array } | undefined;

function crc64(content: Uint8Array): Uint8Array {
  table ??= crc64Table();
  const { high: highs, low: lows } = table;
  let high = 0xffffffff;
  let low = 0xffffffff;
  for (let i = 0; i < content.length; i++) {
    const entry = (low ^ content[i]!) & 255;
    low = ((low >>> 8) | (high << 24)) ^ lows[entry]!;
    high = (high >>> 8) ^ highs[entry]!;
  }
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(~low >>> 0, 0);
  bytes.writeUInt32LE(~high >>> 0, 4);
  return bytes;
}

function crc64Table(): { high: Uint32Array; low: Uint32Array } {
  const high = new Uint32Array(256);
  const low = new Uint32Array(256);
  for (let entry = 0; entry < 256; entry++) {
    let value = BigInt(entry);
    for (let bit = 0; bit < 8; bit++) value = (value & 1n) === 1n ? (value >> 1n) ^ 0xc96c5795d7870f42n : value >> 1n;
    high[entry] = Number(value >> 32n);
    low[entry] = Number(value & 0xffffffffn);
  }
  return { high, low };
}
