import { OtaError } from '../core/errors.js';
import { isSignatureBy, ROOT_PAYLOAD_TYPE } from './dsse.js';
import { ROOT_ROLE } from './role-name.js';
import { parseTrustRoot, type TrustRoot } from './root.js';
import { type TrustRole, verifySignatures } from './trust-policy.js';

export interface RotationOptions {
  /** Expiry of the last root is judged at this instant. */
  readonly now: Date;
  /** Let keys count that are marked as test keys. */
  readonly allowTestKeys?: boolean;
}

/** A successor as it travels with a package, not yet parsed. */
export interface SuccessorFile {
  /** N of `root.N.json`. */
  readonly version: number;
  readonly name?: string;
  readonly bytes: Uint8Array;
}

/**
 * Checks a root on its own: signed by its own root role, not expired.
 * @throws OtaError ROOT_EXPIRED; as `verifySignatures`
 */
export function verifyRoot(root: TrustRoot, { now, allowTestKeys = false }: RotationOptions): void {
  requireThreshold(root, rootRoleOf(root), now, allowTestKeys);
  refuseExpired(root, now);
}

/**
 * Checks that `next` may replace `current`: its version is exactly one higher, and both root roles,
 * the old one and the new one, signed it. Expiry is left to whoever ends up with `next`: a device
 * that was off for years passes through roots that have long expired.
 *
 * @throws OtaError ROOT_ROTATION
 * @see The Update Framework specification 1.0.31, section 5.3, steps 4 and 5
 */
export function verifyRotation(
  current: TrustRoot,
  next: TrustRoot,
  { now, allowTestKeys = false }: RotationOptions,
): void {
  const expected = current.signed.version + 1;
  if (next.signed.version !== expected) {
    throw new OtaError(
      'ROOT_ROTATION',
      `${next.name}: is version ${next.signed.version}, expected ${expected} after ${current.name}`,
      ['Roots are followed one by one; get the versions in between.'],
    );
  }
  for (const signer of [current, next]) {
    try {
      requireThreshold(next, rootRoleOf(signer), now, allowTestKeys);
    } catch (error) {
      if (!(error instanceof OtaError) || error.code === 'KEY_IS_TEST') throw error;
      const whose = `the root role of version ${signer.signed.version}`;
      throw new OtaError('ROOT_ROTATION', `${error.message} (${whose} must sign it)`, error.suggestions, {
        cause: error,
      });
    }
  }
}

/**
 * Follows a chain of roots from one that is trusted to the newest, which must not have expired.
 *
 * A file is parsed only after everything before it was verified. Versions up to that of `trusted` are skipped.
 *
 * @returns the last root of the chain; `trusted` itself if there is no successor
 * @throws OtaError ROOT_ROTATION, ROOT_EXPIRED; as `parseTrustRoot` and `verifySignatures`
 */
export function followRotations(
  trusted: TrustRoot,
  successors: readonly SuccessorFile[],
  { now, allowTestKeys = false }: RotationOptions,
): TrustRoot {
  requireThreshold(trusted, rootRoleOf(trusted), now, allowTestKeys);
  let current = trusted;
  for (const { version, bytes, name = `root.${version}.json` } of successors) {
    if (version <= trusted.signed.version) continue;
    const next = parseTrustRoot(bytes, name);
    verifyRotation(current, next, { now, allowTestKeys });
    current = next;
  }
  refuseExpired(current, now);
  return current;
}

/** How far one root role has signed a root. */
export interface SignatureNeed {
  /** Version of the root whose root role this is. */
  readonly rootVersion: number;
  readonly threshold: number;
  /** Key ids of that role which have signed. */
  readonly signed: readonly string[];
  /** Key ids of that role which have not. */
  readonly open: readonly string[];
  /** Signatures still needed, 0 when done. */
  readonly missing: number;
}

/**
 * Who must still sign a root before it can be used: its own root role, and that of its predecessor.
 *
 * @param previous version N−1, where it is at hand
 * @throws OtaError SIGNATURE_INVALID for a bad signature of a known key
 */
export function signatureNeeds(root: TrustRoot, previous?: TrustRoot): SignatureNeed[] {
  return [previous, root]
    .filter((signer) => signer !== undefined)
    .map((signer) => {
      const { keys, threshold } = rootRoleOf(signer);
      const done = new Set<string>();
      for (const { keyid, sig } of root.signatures) {
        const key = keys.find((candidate) => candidate.keyid === keyid);
        if (!key) continue;
        if (!isSignatureBy(key, ROOT_PAYLOAD_TYPE, root.digest, sig)) {
          throw new OtaError(
            'SIGNATURE_INVALID',
            `${root.name}: the signature of key ${keyid} does not fit its contents`,
            ['It was edited by hand after signing; change trust roots with the `ota trust` commands.'],
          );
        }
        done.add(keyid);
      }
      return {
        rootVersion: signer.signed.version,
        threshold,
        signed: [...done],
        open: keys.map(({ keyid }) => keyid).filter((keyid) => !done.has(keyid)),
        missing: Math.max(0, threshold - done.size),
      };
    });
}

export function rootRoleOf(root: TrustRoot): TrustRole {
  return root.roles.get(ROOT_ROLE)!;
}

function requireThreshold(root: TrustRoot, role: TrustRole, now: Date, allowTestKeys: boolean): void {
  verifySignatures(role, {
    payloadType: ROOT_PAYLOAD_TYPE,
    digest: root.digest,
    envelope: { payloadType: ROOT_PAYLOAD_TYPE, signatures: root.signatures },
    now,
    allowTestKeys,
    name: root.name,
  });
}

function refuseExpired({ name, signed }: TrustRoot, now: Date): void {
  if (now < new Date(signed.expiresAt)) return;
  throw new OtaError('ROOT_EXPIRED', `${name}: expired at ${signed.expiresAt}, it is ${now.toISOString()}`, [
    'Get the trust root that follows it, or make one with `ota trust expire`.',
  ]);
}
