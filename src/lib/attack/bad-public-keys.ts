import { Point } from '@noble/ed25519';
import { encodePem } from '../trust/pem.js';
import { keyIdOf, spkiOf } from '../trust/public-key.js';
import type { AttackCase, CaseFile } from './attack-case.js';
import { envelopeBytes, type Forge } from './forge.js';

const FIELD_PRIME = 2n ** 255n - 19n;
/** y of the points of order 8 (the other is its negative). */
const ORDER_8_Y = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd83d3d706a17c7n;

/** The eight points of small order in canonical form: y and the sign of x. */
const SMALL_ORDER: readonly (readonly [string, bigint, 0 | 1])[] = [
  ['order-1', 1n, 0],
  ['order-2', FIELD_PRIME - 1n, 0],
  ['order-4', 0n, 0],
  ['order-4-negative', 0n, 1],
  ['order-8-a', ORDER_8_Y, 0],
  ['order-8-b', ORDER_8_Y, 1],
  ['order-8-c', FIELD_PRIME - ORDER_8_Y, 0],
  ['order-8-d', FIELD_PRIME - ORDER_8_Y, 1],
];

/** Second names of the same points, which RFC 8032, section 5.1.3, forbids. */
const NON_CANONICAL: readonly (readonly [string, bigint, 0 | 1])[] = [
  ['zero-plus-p', FIELD_PRIME, 0],
  ['one-plus-p', FIELD_PRIME + 1n, 0],
  ['one-negative', 1n, 1],
  ['minus-one-negative', FIELD_PRIME - 1n, 1],
  ['y-all-ones', 2n ** 255n - 1n, 0],
];

/**
 * Row 2: public keys that must be refused before they verify anything. The packages are the valid
 * one, and one with a signature that holds under the neutral point whatever is signed.
 *
 * @see RFC 8032, section 8.9; "Taming the many EdDSAs", Chalkias, Garillot, Nikolaenko, 2020
 */
export function* badPublicKeys(forge: Forge): Generator<AttackCase> {
  const metadata = forge.metadata();
  const valid = forge.package({ metadata });
  const refuse = (name: string, what: string, raw: Uint8Array): AttackCase =>
    forge.case(2, name, 'KEY_INVALID', `the trusted key is ${what}`, valid, { keys: [publicKeyFile(name, raw)] });

  for (const [name, y, sign] of SMALL_ORDER) {
    yield refuse(`small-${name}`, 'a point of small order', encodePoint(y, sign));
  }
  for (const [name, y, sign] of NON_CANONICAL) {
    yield refuse(`non-canonical-${name}`, 'an encoding that is not canonical', encodePoint(y, sign));
  }
  for (const [name, y, sign] of [SMALL_ORDER[1]!, SMALL_ORDER[4]!]) {
    const twin = Point.fromBytes(forge.release.publicKey.raw).add(Point.fromBytes(encodePoint(y, sign)));
    yield refuse(`torsion-${name}`, `the release key plus a point of ${name}`, twin.toBytes());
  }
  yield refuse('off-curve', 'no point of the curve', encodePoint(2n, 0));
  yield refuse('short', 'one byte short', forge.release.publicKey.raw.subarray(1));

  const neutral = encodePoint(1n, 0);
  const forged = { keyid: keyIdOf(neutral), sig: Buffer.concat([neutral, Buffer.alloc(32)]) };
  yield forge.case(
    2,
    'forged-under-neutral-key',
    'KEY_INVALID',
    'signed without any private key: R is the neutral point, S is 0, and so is the trusted key',
    forge.package({ metadata, signature: envelopeBytes([forged]) }),
    { keys: [publicKeyFile('small-order-1', neutral)] },
  );
}

/** RFC 8032, section 5.1.2: y little-endian, the sign of x in the top bit. */
export function encodePoint(y: bigint, sign: 0 | 1): Buffer {
  const bytes = Buffer.from(y.toString(16).padStart(64, '0'), 'hex').reverse();
  bytes[31]! |= sign << 7;
  return bytes;
}

function publicKeyFile(name: string, raw: Uint8Array): CaseFile {
  const pem = encodePem({ label: 'PUBLIC KEY', der: spkiOf(raw), isTest: true });
  return { path: `keys/${name}.pub`, bytes: Buffer.from(pem) };
}
