import { createPrivateKey, createPublicKey, hash } from 'node:crypto';
import { readBounded } from '../core/file-access.js';
import type { TrustAnchorSpec } from '../package/trust-anchor.js';
import { enrolSpki, type PublicKey, readPublicKey } from '../trust/public-key.js';
import { ROOT_ROLE, releaseRole } from '../trust/role-name.js';
import { encodeTrustRoot, makeTrustRoot, ROOT_MAX_BYTES } from '../trust/root.js';
import { newRoot } from '../trust/root-edit.js';
import { signRoot } from '../trust/root-file.js';
import { keySigner, type Signer } from '../trust/signer.js';

/** PKCS#8 of Ed25519 up to the 32 secret bytes (RFC 8410, section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Roots must expire; this one lives as long as a simulation. */
const NEVER = new Date('9999-12-31T23:59:59Z');

/**
 * The trust root of a simulated device: the one that is named, or one that trusts the named keys.
 *
 * @returns the file
 * @throws OtaError KEY_INVALID, NOT_FOUND and the other failures of reading; as {@link throwAwayRoot}
 */
export async function simulatedTrustRoot(
  { trustRootPath, keyPaths = [], threshold }: TrustAnchorSpec,
  product: string,
): Promise<Uint8Array> {
  if (trustRootPath !== undefined) return readBounded(trustRootPath, ROOT_MAX_BYTES, 'trust root');
  return throwAwayRoot({ product, keys: await Promise.all(keyPaths.map(readPublicKey)), threshold });
}

/**
 * A trust root for a simulated device that is to trust plain keys. Whoever reads this can make its root key, and the
 * same keys always give the same root, so that a simulation can be repeated: it is good for nothing else.
 *
 * @returns the file
 * @throws OtaError USAGE: the threshold cannot be met
 */
export async function throwAwayRoot({
  product,
  keys,
  threshold = 1,
}: {
  product: string;
  keys: readonly PublicKey[];
  threshold?: number | undefined;
}): Promise<Buffer> {
  const signer = simulationSigner();
  const releaseKeys = new Map(keys.map((key) => [key.keyid, { key }]));
  const signed = newRoot(
    [
      { role: ROOT_ROLE, keys: [{ key: signer.publicKey }], threshold: 1 },
      { role: releaseRole(product), keys: [...releaseKeys.values()], threshold },
    ],
    NEVER,
  );
  const unsigned = makeTrustRoot(signed, [], 'the trust root of the simulation');
  return encodeTrustRoot({ ...unsigned, signatures: await signRoot(unsigned, undefined, [signer]) });
}

function simulationSigner(): Signer {
  const secret = hash('sha256', 'ota-fleet simulation root key', 'buffer');
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, secret]), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return keySigner(privateKey, enrolSpki(spki, false, 'the root key of the simulation'));
}
