import { stat } from 'node:fs/promises';
import { writeFileAtomically } from '../core/atomic-file.js';
import { OtaError } from '../core/errors.js';
import { withLock } from '../core/lock.js';
import { createSignature, mergeSignatures, type Signature } from '../trust/dsse.js';
import type { SignatureNeed } from '../trust/root-rotation.js';
import type { Signer } from '../trust/signer.js';
import type { DetachedSignature } from '../trust/signing-request.js';
import { openSignable, type Signable } from './signable.js';
import type { OnBytes } from './verify.js';

export interface OpenToSignOptions {
  /** Version N−1 of a trust root, where it does not lie beside it. */
  readonly previousPath?: string | undefined;
  readonly outPath?: string | undefined;
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Opens a file to be signed. In place, nobody else may sign it meanwhile: of two signatures that are
 * added at once, the second would take the place of the first.
 *
 * @throws OtaError LOCKED; as `openSignable`, and what the work throws
 */
export async function withSignable<T>(
  path: string,
  { previousPath, outPath = path, dryRun = false, signal }: OpenToSignOptions,
  work: (signable: Signable) => Promise<T>,
): Promise<T> {
  const open = async () => {
    await using signable = await openSignable(path, previousPath);
    return await work(signable);
  };
  return await (dryRun || outPath !== path ? open() : withLock(`${path}.lock`, open, { signal }));
}

export interface SignOptions {
  readonly signers: readonly Signer[];
  /** By default the signed file takes the place of the unsigned one. */
  readonly outPath?: string | undefined;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
  readonly onBytes?: OnBytes;
}

export interface SignResult {
  readonly path: string;
  /** Key ids whose signatures were not there before. */
  readonly added: readonly string[];
  /** All key ids that have signed now, sorted. */
  readonly signatures: readonly string[];
  readonly needs: readonly SignatureNeed[];
}

/**
 * Adds signatures and writes the file; metadata and payloads keep their exact bytes. Signing twice
 * with one key changes nothing, since Ed25519 is deterministic.
 *
 * @throws OtaError PAYLOAD_MISMATCH, KEY_UNTRUSTED, SIGNER_FAILED, LIMIT_EXCEEDED (32 signatures),
 *   OUTPUT_EXISTS and the other failures of writing
 */
export async function signFile(signable: Signable, options: SignOptions): Promise<SignResult> {
  const { signers, signal, onBytes } = options;
  for (const { publicKey } of signers) signable.requireSigner(publicKey.keyid);
  await signable.check({ signal, onBytes });
  const added: Signature[] = [];
  for (const signer of signers) {
    added.push(await createSignature(signable.request.payloadType, signable.request.digest, signer, signal));
  }
  return await writeSignatures(signable, added, options);
}

/**
 * Adds detached signatures, in any order and as often as they come in.
 *
 * @param detached each verified under its own key by `parseDetachedSignature`
 * @throws OtaError SIGNING_REQUEST_INVALID for a signature over something else; as {@link signFile}
 */
export async function attachSignatures(
  signable: Signable,
  detached: readonly (DetachedSignature & { name: string })[],
  options: Omit<SignOptions, 'signers'>,
): Promise<SignResult> {
  const { payloadType, digest } = signable.request;
  for (const { name, publicKey, ...signed } of detached) {
    if (signed.payloadType !== payloadType || !Buffer.from(digest).equals(signed.digest)) {
      const got = Buffer.from(signed.digest).toString('hex');
      throw new OtaError(
        'SIGNING_REQUEST_INVALID',
        `${name}: signs SHA-256 ${got}, but ${signable.path} has ${Buffer.from(digest).toString('hex')}`,
        ['The file changed after the request was made; make a new request with `ota sign request`.'],
      );
    }
    signable.requireSigner(publicKey.keyid);
  }
  await signable.check(options);
  return await writeSignatures(
    signable,
    detached.map(({ signature }) => signature),
    options,
  );
}

async function writeSignatures(
  signable: Signable,
  added: readonly Signature[],
  { outPath = signable.path, force, dryRun, signal }: Omit<SignOptions, 'signers'>,
): Promise<SignResult> {
  const before = new Set(signable.signatures.map(signatureText));
  const signatures = mergeSignatures(signable.signatures, added);
  const fresh = signatures.filter((signature) => !before.has(signatureText(signature)));
  const inPlace = outPath === signable.path;
  if (!dryRun && (fresh.length > 0 || !inPlace)) {
    const { mode } = await stat(signable.path);
    await writeFileAtomically(outPath, signable.withSignatures(signatures, signal), {
      force: force || inPlace,
      mode: mode & 0o777,
      signal,
    });
  }
  return {
    path: outPath,
    added: fresh.map(({ keyid }) => keyid),
    signatures: signatures.map(({ keyid }) => keyid),
    needs: signable.needs(signatures),
  };
}

function signatureText({ keyid, sig }: Signature): string {
  return `${keyid} ${Buffer.from(sig).toString('hex')}`;
}
