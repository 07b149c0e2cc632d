import { OtaError } from '../core/errors.js';
import { readBounded } from '../core/file-access.js';
import { escapeText } from '../core/text.js';
import { isSignatureBy } from './dsse.js';
import type { PublicKey } from './public-key.js';
import { decodeSignature } from './signature-encoding.js';
import {
  DETACHED_SIGNATURE_MAX_BYTES,
  type DetachedSignature,
  parseDetachedSignature,
  type SigningRequest,
} from './signing-request.js';

/** A detached signature under the name of its file. */
export type NamedSignature = DetachedSignature & { readonly name: string };

/**
 * Reads a signature file: one that `ota sign REQUEST` wrote, or the bare output of another signer.
 *
 * @param request what a bare signature must be over
 * @param keys    where to look for the key of a bare signature
 * @throws OtaError as `parseDetachedSignature`; KEY_MISSING for a bare signature without a key; SIGNATURE_INVALID for one
 *   that no key fits; NOT_FOUND, PERMISSION_DENIED
 */
export async function readDetachedSignature(
  path: string,
  request: SigningRequest,
  keys: readonly PublicKey[],
): Promise<NamedSignature> {
  const name = escapeText(path);
  const bytes = await readBounded(path, DETACHED_SIGNATURE_MAX_BYTES, 'signature');
  const sig = decodeSignature(bytes);
  if (!sig) return { name, ...parseDetachedSignature(bytes, name) };
  if (keys.length === 0) {
    throw new OtaError('KEY_MISSING', `${name}: is a bare signature, which does not say whose it is`, [
      'Name the public key of its signer with --public.',
    ]);
  }
  const { payloadType, digest, subject } = request;
  const publicKey = keys.find((key) => isSignatureBy(key, payloadType, digest, sig));
  if (publicKey) return { name, payloadType, digest, publicKey, signature: { keyid: publicKey.keyid, sig } };
  throw new OtaError('SIGNATURE_INVALID', `${name}: is no signature over ${escapeText(subject)} by a key of --public`, [
    'The signer must sign the decoded "message" of the signing request itself, not a hash of it.',
  ]);
}
