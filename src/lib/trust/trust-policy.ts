import { OtaError } from '../core/errors.js';
import { isSignatureBy, type SignatureEnvelope } from './dsse.js';
import type { PublicKey } from './public-key.js';

/** A public key together with what a trust root says about it. */
export interface TrustedKey extends PublicKey {
  /** Its owner or purpose, for people. */
  readonly label?: string;
  /** Its signatures do not count from this instant on. */
  readonly expiresAt?: Date;
}

/** Who may sign for one purpose, and how many of them must. */
export interface TrustRole {
  /** `root`, or `release:<product>`; `release:*` where plain keys are trusted for any product. */
  readonly name: string;
  readonly keys: readonly TrustedKey[];
  /** Different keys that must have signed, at least 1. */
  readonly threshold: number;
}

/** What a verifier trusts, made by `trustKeys` or `trustRoot`. */
export interface Trust {
  /** Judged before every verification: an expired trust root says nothing any more. */
  readonly expiresAt?: Date;
  /** Everybody who may sign packages. */
  readonly releaseRoles: readonly TrustRole[];
  /** The role that signs packages of this product, if there is one. */
  roleFor(product: string): TrustRole | undefined;
}

export interface SignatureVerdict {
  readonly role: string;
  readonly threshold: number;
  /** Keys whose signatures count toward the threshold. */
  readonly keyids: readonly string[];
  readonly ignored: readonly IgnoredSignature[];
}

/** A signature that does not count, and why. */
export interface IgnoredSignature {
  readonly keyid: string;
  readonly reason: 'unknown key' | 'expired key' | 'test key';
}

/** What is to be verified, when, and how strictly. */
export interface SignedDigest {
  readonly payloadType: string;
  /** SHA-256, 32 bytes. */
  readonly digest: Uint8Array;
  readonly envelope: SignatureEnvelope;
  /** Expiry is judged at this instant. */
  readonly now: Date;
  readonly allowTestKeys: boolean;
  /** What a person would call the signed thing. */
  readonly name: string;
}

/**
 * Trusts plain public keys, without a trust root.
 *
 * @param threshold different keys that must have signed, 1 … keys
 * @param product   pins what these keys may sign; any product if absent
 * @throws OtaError USAGE for a threshold that can never be met
 */
export function trustKeys(
  keys: readonly PublicKey[],
  { threshold = 1, product }: { threshold?: number; product?: string } = {},
): Trust {
  const unique = [...new Map(keys.map((key) => [key.keyid, key])).values()];
  if (unique.length > 0 && (!Number.isSafeInteger(threshold) || threshold < 1 || threshold > unique.length)) {
    throw new OtaError('USAGE', `threshold ${threshold} cannot be met by ${unique.length} different keys`, [
      `Give a threshold from 1 to ${unique.length}, or more keys.`,
    ]);
  }
  const role: TrustRole = { name: `release:${product ?? '*'}`, keys: unique, threshold };
  return {
    releaseRoles: [role],
    roleFor: (wanted) => (product === undefined || wanted === product ? role : undefined),
  };
}

/**
 * Checks the signatures over raw metadata bytes, before anything in them is believed.
 *
 * The product is not known yet, so this finds every release role whose threshold
 * is met; once metadata has been parsed, `requireRole` holds its product against them.
 *
 * @returns at least one verdict
 * @throws OtaError ROOT_EXPIRED, KEY_MISSING, SIGNATURE_MISSING, SIGNATURE_INVALID, SIGNATURE_THRESHOLD,
 *   KEY_UNTRUSTED, KEY_EXPIRED, KEY_IS_TEST
 */
export function satisfiedRoles(trust: Trust, signed: SignedDigest): SignatureVerdict[] {
  refuseExpiredRoot(trust, signed.now);
  const verdicts: SignatureVerdict[] = [];
  const failures: RoleFailure[] = [];
  if (trust.releaseRoles.every((role) => role.keys.length === 0)) throw keyMissing(signed.name);
  const allKeys = trust.releaseRoles.flatMap((role) => role.keys);
  const verified = verifiedKeyIds(allKeys, signed);
  for (const role of trust.releaseRoles) {
    const outcome = judgeRole(role, signed, verified);
    if ('error' in outcome) failures.push(outcome);
    else verdicts.push(outcome);
  }
  // The role that came closest tells the user most.
  if (verdicts.length === 0) throw failures.sort((a, b) => b.closeness - a.closeness)[0]!.error;
  return verdicts;
}

/**
 * Holds the product that signed metadata names against the roles its signatures satisfied.
 * @throws OtaError ROLE_UNTRUSTED: signed, but by keys that may not sign this product
 */
export function requireRole(
  trust: Trust,
  verdicts: readonly SignatureVerdict[],
  product: string,
  name: string,
): SignatureVerdict {
  const role = trust.roleFor(product);
  const verdict = verdicts.find((candidate) => candidate.role === role?.name);
  if (verdict) return verdict;
  const roles = verdicts.map((candidate) => candidate.role).join(', ');
  throw new OtaError('ROLE_UNTRUSTED', `${name}: is for product "${product}", but its signatures count for ${roles}`, [
    `Have it signed by the keys trusted for release:${product}.`,
  ]);
}

/** Checks signatures against one known role. @throws OtaError as {@link satisfiedRoles} */
export function verifySignatures(role: TrustRole, signed: SignedDigest): SignatureVerdict {
  if (role.keys.length === 0) throw keyMissing(signed.name);
  const outcome = judgeRole(role, signed, verifiedKeyIds(role.keys, signed));
  if ('error' in outcome) throw outcome.error;
  return outcome;
}

interface RoleFailure {
  error: OtaError;
  /** How many of the role's keys signed, whether or not they count. */
  closeness: number;
}

/** Key ids with a good signature. A bad signature under a known key is never overlooked. */
function verifiedKeyIds(
  keys: readonly PublicKey[],
  { envelope, payloadType, digest, name }: SignedDigest,
): Set<string> {
  if (envelope.payloadType !== payloadType) {
    throw new OtaError('SIGNATURE_INVALID', `${name}: signed as ${envelope.payloadType}, expected ${payloadType}`);
  }
  const keyById = new Map(keys.map((key) => [key.keyid, key]));
  const verified = new Set<string>();
  for (const { keyid, sig } of envelope.signatures) {
    const key = keyById.get(keyid);
    if (!key) continue;
    if (!isSignatureBy(key, payloadType, digest, sig)) {
      throw new OtaError('SIGNATURE_INVALID', `${name}: the signature of key ${keyid} does not fit the signed bytes`, [
        'The file was altered after signing, or damaged; get it again from its publisher.',
      ]);
    }
    verified.add(keyid);
  }
  return verified;
}

function judgeRole(role: TrustRole, signed: SignedDigest, verified: Set<string>): SignatureVerdict | RoleFailure {
  const keyById = new Map(role.keys.map((key) => [key.keyid, key]));
  const counting = new Set<string>();
  const ignored: IgnoredSignature[] = [];
  for (const { keyid } of signed.envelope.signatures) {
    const key = keyById.get(keyid);
    if (!key || !verified.has(keyid)) ignored.push({ keyid, reason: 'unknown key' });
    else if (key.expiresAt && signed.now >= key.expiresAt) ignored.push({ keyid, reason: 'expired key' });
    else if (key.isTest && !signed.allowTestKeys) ignored.push({ keyid, reason: 'test key' });
    else counting.add(keyid);
  }
  if (counting.size >= role.threshold) {
    return { role: role.name, threshold: role.threshold, keyids: [...counting], ignored };
  }
  const known = counting.size + ignored.filter(({ reason }) => reason !== 'unknown key').length;
  return { error: roleError(role, signed, counting.size, ignored), closeness: known };
}

function roleError(role: TrustRole, signed: SignedDigest, counting: number, ignored: IgnoredSignature[]): OtaError {
  const { name, envelope, now } = signed;
  const wanted = `${role.threshold} of ${role.keys.length} trusted keys for ${role.name}`;
  const expired = ignored.find(({ reason }) => reason === 'expired key');
  const test = ignored.find(({ reason }) => reason === 'test key');
  if (envelope.signatures.length === 0) {
    return new OtaError('SIGNATURE_MISSING', `${name}: carries no signature, expected ${wanted}`, [
      'Sign it with `ota sign`, or ask its publisher for the signed file.',
    ]);
  }
  if (expired) {
    const at = role.keys.find((key) => key.keyid === expired.keyid)?.expiresAt?.toISOString();
    return new OtaError('KEY_EXPIRED', `${name}: key ${expired.keyid} expired at ${at}, it is ${now.toISOString()}`, [
      'Have it signed by a key that is valid, or get the trust root that follows (`ota trust rotate`).',
    ]);
  }
  if (test) {
    return new OtaError('KEY_IS_TEST', `${name}: key ${test.keyid} is marked as a test key`, [
      'For demos and tests add --allow-test-keys; never trust a test key in the field.',
    ]);
  }
  if (counting === 0) {
    const signers = envelope.signatures.map(({ keyid }) => keyid).join(', ');
    return new OtaError('KEY_UNTRUSTED', `${name}: signed by ${signers}, expected ${wanted}`, [
      'Compare with `ota keys inspect` on the public keys you trust.',
    ]);
  }
  return new OtaError('SIGNATURE_THRESHOLD', `${name}: ${counting} trusted signatures, expected ${wanted}`, [
    'Have more of the trusted keys sign it with `ota sign`.',
  ]);
}

function refuseExpiredRoot({ expiresAt }: Trust, now: Date): void {
  if (!expiresAt || now < expiresAt) return;
  throw new OtaError(
    'ROOT_EXPIRED',
    `the trust root expired at ${expiresAt.toISOString()}, it is ${now.toISOString()}`,
    ['Get the trust root that follows it, or make one with `ota trust expire`.'],
  );
}

function keyMissing(name: string): OtaError {
  return new OtaError('KEY_MISSING', `${name}: no trusted key was given, so its signatures cannot be checked`, [
    'Give --key PUBLIC.pub or --trust root.json.',
  ]);
}
