import { createHash } from 'node:crypto';
import { brotliCompressSync } from 'node:zlib';

/** An otad patch put together by hand, so that any part of it can be wrong. Its body is stored unless it says otherwise. */
export interface ForgedOtad {
  magic?: string;
  version?: number;
  coder?: number;
  flags?: number;
  chunkBits?: number;
  baseSize: number;
  /** What the patch makes; its size and hashes go into the header. */
  target: Uint8Array;
  targetSize?: number;
  bodyBytes?: number;
  coverCount?: number;
  covers?: readonly (readonly [gap: number, length: number, shift: number])[];
  /** Instead of the numbers 0 for `no machine`. */
  fields?: readonly number[];
  controlBytes?: number;
  /** What blocks begin with: mode × 2, and 1 where differences follow. By default they do where `differences` has any. */
  kinds?: readonly number[];
  differences?: Uint8Array;
  extra?: Uint8Array;
  hashes?: Uint8Array;
  trailing?: Uint8Array;
}

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  return Buffer.from([...bytes, rest]);
}

const folded = (value: number) => varint(value < 0 ? -value * 2 - 1 : value * 2);

export function forgeOtad(parts: ForgedOtad): Buffer {
  const { chunkBits = 20, coder = 0, covers = [], target } = parts;
  let last = 0;
  const shifts = covers.map(([, , shift]) => {
    const change = shift - last;
    last = shift;
    return folded(change);
  });
  const control = Buffer.concat([
    ...(parts.fields ?? [0]).map(varint),
    ...covers.map(([gap]) => varint(gap)),
    ...covers.map(([, length]) => varint(length - 1)),
    ...shifts,
  ]);
  const body = Buffer.concat([
    varint(parts.controlBytes ?? control.length),
    control,
    Buffer.from(parts.kinds ?? covers.map(() => (parts.differences === undefined ? 0 : 1))),
    parts.differences ?? Buffer.alloc(0),
    parts.extra ?? Buffer.alloc(0),
  ]);
  const chunks = Math.ceil(target.length / 2 ** chunkBits);
  const hashes = Array.from({ length: chunks }, (_, i) =>
    createHash('sha256')
      .update(target.subarray(i * 2 ** chunkBits, (i + 1) * 2 ** chunkBits))
      .digest()
      .subarray(0, 8),
  );
  return Buffer.concat([
    Buffer.from(parts.magic ?? 'OTAD', 'latin1'),
    Buffer.from([parts.version ?? 1, coder, parts.flags ?? 0, chunkBits]),
    varint(parts.baseSize),
    varint(parts.targetSize ?? target.length),
    varint(parts.bodyBytes ?? body.length),
    varint(parts.coverCount ?? covers.length),
    parts.hashes ?? Buffer.concat(hashes),
    coder === 1 ? brotliCompressSync(body) : body,
    parts.trailing ?? Buffer.alloc(0),
  ]);
}
