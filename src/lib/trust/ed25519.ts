import { createHash } from 'node:crypto';
import { hashes, Point, verify } from '@noble/ed25519';

hashes.sha512 = (message) => new Uint8Array(createHash('sha512').update(message).digest());

/** Size of an Ed25519 public key, bytes (RFC 8032 §5.1.5). */
export const PUBLIC_KEY_BYTES = 32;
/** Size of an Ed25519 signature, bytes (RFC 8032 §5.1.6). */
export const SIGNATURE_BYTES = 64;

/** Verdicts that are remembered: a device asks about the same few keys and signatures again and again. */
const REMEMBERED_VERDICTS = 256;

const FIELD_PRIME = 2n ** 255n - 19n;

/**
 * The strict verdict of RFC 8032 §5.1.7: canonical A and R, S < L, no small-order A, no torsion in R.
 *
 * Always this library and never the runtime's own verifier, whose verdicts on
 * edge cases differ between releases of Node: a package must not be good on one
 * machine and bad on another.
 */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.byteLength !== PUBLIC_KEY_BYTES || signature.byteLength !== SIGNATURE_BYTES) return false;
  return remembered(signatureVerdicts, [publicKey, signature, message], () => {
    return isGoodSignature(publicKey, message, signature);
  });
}

function isGoodSignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (!verify(signature, message, publicKey, { zip215: false })) return false;
  // RFC 8032 leaves open whether the equation is multiplied by the cofactor; the library does, many devices do not.
  // They disagree only about an R with a torsion component, which no honest signer makes.
  return Point.fromBytes(signature.subarray(0, PUBLIC_KEY_BYTES)).isTorsionFree();
}

/**
 * Why these 32 bytes must not be enrolled as a public key, or undefined if they may.
 *
 * Small-order keys verify one signature over many messages, keys with a torsion
 * component have twins that verify the same signatures, and a non-canonical
 * encoding gives one key two names.
 */
export function publicKeyFault(raw: Uint8Array): string | undefined {
  if (raw.byteLength !== PUBLIC_KEY_BYTES)
    return `it has ${raw.byteLength} bytes, an Ed25519 key has ${PUBLIC_KEY_BYTES}`;
  return remembered(keyVerdicts, [raw], () => faultOf(raw));
}

function faultOf(raw: Uint8Array): string | undefined {
  const reversed = Buffer.from(raw).reverse();
  const signBit = reversed[0]! >> 7;
  reversed[0]! &= 0x7f;
  const y = BigInt(`0x${reversed.toString('hex')}`);
  if (y >= FIELD_PRIME) return 'its encoding is not canonical (y is not below 2^255 - 19)';
  // x is 0 exactly where y is 1 or -1; RFC 8032 §5.1.3 step 4 forbids a sign there.
  if (signBit === 1 && (y === 1n || y === FIELD_PRIME - 1n))
    return 'its encoding is not canonical (x is 0 with a sign)';
  const point = pointAt(raw);
  if (!point) return 'it is not a point on the curve';
  if (point.isSmallOrder()) return 'it is a point of small order, which verifies forged signatures';
  if (!point.isTorsionFree()) return 'it has a torsion component (it lies outside the prime-order subgroup)';
  return undefined;
}

const signatureVerdicts = new Map<string, boolean>();
const keyVerdicts = new Map<string, string | undefined>();

/** A verdict depends on nothing but bytes: all of them are the key, so that no two questions are taken for one. */
function remembered<T>(verdicts: Map<string, T>, parts: readonly Uint8Array[], decide: () => T): T {
  const key = Buffer.concat(parts).toString('latin1');
  const known = verdicts.get(key);
  if (known !== undefined || verdicts.has(key)) return known as T;
  const verdict = decide();
  if (verdicts.size >= REMEMBERED_VERDICTS) verdicts.clear();
  verdicts.set(key, verdict);
  return verdict;
}

function pointAt(raw: Uint8Array): Point | undefined {
  try {
    return Point.fromBytes(raw, false);
  } catch {
    return undefined;
  }
}
