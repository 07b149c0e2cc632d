import { basename, dirname, join } from 'node:path';
import { writeFileAtomically } from '../core/atomic-file.js';
import { OtaError } from '../core/errors.js';
import { createSignature, mergeSignatures, ROOT_PAYLOAD_TYPE, type Signature } from './dsse.js';
import { encodeTrustRoot, makeTrustRoot, readTrustRoot, type SignedRoot, type TrustRoot } from './root.js';
import { draftAfter, type RootEdit } from './root-edit.js';
import { rootRoleOf, type SignatureNeed, signatureNeeds } from './root-rotation.js';
import type { Signer } from './signer.js';

export interface RootWriteOptions {
  readonly signers: readonly Signer[];
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

/** A trust root file that was written, or would be. */
export interface WrittenRoot {
  readonly path: string;
  readonly root: TrustRoot;
  /** Root roles that must sign it, and how far they have. */
  readonly needs: readonly SignatureNeed[];
  /** An unfinished draft was changed, rather than a successor started. */
  readonly amended: boolean;
  /** Signatures that the draft had and that no longer fit. */
  readonly dropped: number;
}

/** `root.2.json` beside the file of version 1. */
export function defaultRootPath(version: number, beside?: string): string {
  const name = `root.${version}.json`;
  return beside === undefined ? name : join(dirname(beside), name);
}

/**
 * Finds version N−1 of a trust root: the file that was named, or `root.<N-1>.json` beside it.
 *
 * @returns undefined for version 1, and where there is no such file beside it
 * @throws OtaError ROOT_ROTATION when the named file is another version; as `readTrustRoot`
 */
export async function readPredecessor(root: TrustRoot, namedPath?: string): Promise<TrustRoot | undefined> {
  const wanted = root.signed.version - 1;
  if (wanted === 0 && namedPath === undefined) return undefined;
  const previous = await readTrustRoot(namedPath ?? defaultRootPath(wanted, root.name)).catch((error: unknown) => {
    if (namedPath === undefined && error instanceof OtaError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  });
  if (previous === undefined || previous.signed.version === wanted) return previous;
  throw new OtaError(
    'ROOT_ROTATION',
    `${previous.name}: is version ${previous.signed.version}, expected ${wanted}, the predecessor of ${root.name}`,
    ['Name the right file with --previous.'],
  );
}

/** Writes version 1. @throws OtaError KEY_UNTRUSTED, SIGNER_FAILED, OUTPUT_EXISTS and the other failures of writing */
export async function createRootFile(
  signed: SignedRoot,
  path: string,
  options: RootWriteOptions,
): Promise<WrittenRoot> {
  const unsigned = makeTrustRoot(signed, [], path);
  return await writeRoot(unsigned, undefined, path, { ...options, amended: false, dropped: 0 });
}

export interface EditRootRequest extends RootWriteOptions {
  /** Turns what the file says into what the next one says. */
  readonly edit: RootEdit;
  /** By default `root.<N+1>.json` beside the file, or the draft itself. */
  readonly outPath?: string;
  /** Version N−1, where `root.<N-1>.json` does not lie beside the file. */
  readonly previousPath?: string;
}

/**
 * Writes the trust root that follows a signed one, or amends a draft that still lacks signatures.
 *
 * @throws OtaError as the edit; ROOT_INVALID, SIGNATURE_INVALID, KEY_UNTRUSTED, SIGNER_FAILED, OUTPUT_EXISTS
 */
export async function editRootFile(root: TrustRoot, request: EditRootRequest): Promise<WrittenRoot> {
  const previous = await readPredecessor(root, request.previousPath);
  const { signed, amends } = draftAfter(root, previous);
  const path = request.outPath ?? (amends ? root.name : defaultRootPath(signed.version, root.name));
  const next = makeTrustRoot(request.edit(signed), [], path);
  const force = request.force || (amends && path === root.name);
  return await writeRoot(next, amends ? previous : root, path, {
    ...request,
    force,
    amended: amends,
    dropped: amends ? root.signatures.length : 0,
  }).catch((error: unknown) => {
    if (!(error instanceof OtaError) || error.code !== 'OUTPUT_EXISTS') throw error;
    throw new OtaError(error.code, error.message, [
      `To change that draft further, name it instead: ${basename(path)}.`,
      'To start again from here, add --force.',
    ]);
  });
}

/**
 * Adds signatures of people who may sign this root.
 * @throws OtaError KEY_UNTRUSTED for a key in neither root role; SIGNER_FAILED
 */
export async function signRoot(
  root: TrustRoot,
  previous: TrustRoot | undefined,
  signers: readonly Signer[],
  signal?: AbortSignal,
): Promise<Signature[]> {
  let signatures = [...root.signatures];
  for (const signer of signers) {
    requireRootSigner(root, previous, signer.publicKey.keyid);
    signatures = mergeSignatures(signatures, [await createSignature(ROOT_PAYLOAD_TYPE, root.digest, signer, signal)]);
  }
  return signatures;
}

/** @throws OtaError KEY_UNTRUSTED when neither root role holds the key, as far as the roots at hand can tell */
export function requireRootSigner(root: TrustRoot, previous: TrustRoot | undefined, keyid: string): void {
  const signers = [root, ...(previous ? [previous] : [])].flatMap((at) => rootRoleOf(at).keys);
  if (signers.some((key) => key.keyid === keyid)) return;
  const needsPrevious = root.signed.version > 1 && previous === undefined;
  throw new OtaError('KEY_UNTRUSTED', `${root.name}: key ${keyid} does not sign trust roots here`, [
    `Sign with a key of the role root: ${rootRoleOf(root)
      .keys.map((key) => key.keyid)
      .join(', ')}.`,
    ...(needsPrevious ? ['For a key of the predecessor alone, name that file with --previous.'] : []),
  ]);
}

async function writeRoot(
  unsigned: TrustRoot,
  previous: TrustRoot | undefined,
  path: string,
  { signers, force, dryRun, signal, amended, dropped }: RootWriteOptions & Pick<WrittenRoot, 'amended' | 'dropped'>,
): Promise<WrittenRoot> {
  const root = { ...unsigned, signatures: await signRoot(unsigned, previous, signers, signal) };
  if (!dryRun) await writeFileAtomically(path, encodeTrustRoot(root), { force, signal });
  return { path, root, needs: signatureNeeds(root, previous), amended, dropped };
}
