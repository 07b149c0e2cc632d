import { Point } from '@noble/ed25519';

export interface SmallOrderEncoding {
  hex: string;
  bytes: Buffer;
  isCanonical: boolean;
}

const FIELD_PRIME = 2n ** 255n - 19n;

/** Every 32-byte string that a lenient decoder reads as one of the 8 torsion points. */
export function smallOrderEncodings(): SmallOrderEncoding[] {
  const order8 = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');
  const canonical = new Map<string, Point>();
  for (let point = Point.ZERO, n = 0; n < 8; n += 1, point = point.add(order8)) canonical.set(point.toHex(), point);
  const encodings: SmallOrderEncoding[] = [...canonical.keys()].map((hex) => encoding(Buffer.from(hex, 'hex'), true));
  for (const point of canonical.values()) {
    const { x, y } = point.toAffine();
    const signs = x === 0n ? [0n, 1n] : [x & 1n];
    // y + p fits into 255 bits only for y below 19, here 0 and 1.
    for (const value of y < 19n ? [y, y + FIELD_PRIME] : [y]) {
      for (const sign of signs) {
        const bytes = Buffer.from((value | (sign << 255n)).toString(16).padStart(64, '0'), 'hex').reverse();
        if (!canonical.has(bytes.toString('hex'))) encodings.push(encoding(bytes, false));
      }
    }
  }
  return encodings;
}

function encoding(bytes: Buffer, isCanonical: boolean): SmallOrderEncoding {
  return { hex: bytes.toString('hex'), bytes, isCanonical };
}
