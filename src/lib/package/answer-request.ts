import { basename, dirname, join } from 'node:path';
import { writeFileAtomically } from '../core/atomic-file.js';
import { OtaError } from '../core/errors.js';
import { createSignature } from '../trust/dsse.js';
import type { Signer } from '../trust/signer.js';
import { encodeDetachedSignature, type SigningRequest } from '../trust/signing-request.js';
import { requestWords } from './signable.js';

export interface AnswerOptions {
  readonly signers: readonly Signer[];
  /** By default beside the request, named after it and the key. */
  readonly outPath?: string | undefined;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

/** What `ota sign REQUEST --json` prints. */
export interface AnsweredRequest {
  kind: 'request';
  file: string;
  /** SHA-256 of what is signed, hex. */
  sha256: string;
  /** One file for each signer. */
  signatures: { keyid: string; test: boolean; out: string }[];
  dryRun: boolean;
  /** What it is, in words; nobody vouches for them. */
  unverified: readonly string[];
}

/**
 * Signs a request and writes each signature as a file of its own.
 *
 * @throws OtaError SIGNING_REQUEST_INVALID and the like for contents that no device would accept, SIGNER_FAILED,
 *   USAGE for several signers and one output, OUTPUT_EXISTS and the other failures of writing
 */
export async function answerRequest(
  request: SigningRequest,
  requestPath: string,
  { signers, outPath, force, dryRun = false, signal }: AnswerOptions,
): Promise<AnsweredRequest> {
  if (outPath !== undefined && signers.length > 1) {
    throw new OtaError('USAGE', `--out names one file, but ${signers.length} signatures are made`, [
      'Leave out --out, or sign with one key at a time.',
    ]);
  }
  const unverified = requestWords(request);
  const { payloadType, digest } = request;
  const signatures: AnsweredRequest['signatures'] = [];
  for (const signer of signers) {
    const { publicKey } = signer;
    const signature = await createSignature(payloadType, digest, signer, signal);
    const out = outPath ?? signaturePath(requestPath, publicKey.keyid);
    const bytes = encodeDetachedSignature({ payloadType, digest, publicKey, signature });
    if (!dryRun) await writeFileAtomically(out, bytes, { force, signal });
    signatures.push({ keyid: publicKey.keyid, test: publicKey.isTest, out });
  }
  return { kind: 'request', file: requestPath, sha256: hex(digest), signatures, dryRun, unverified };
}

/** `request.9f2c41d8.sig.json` for `request.json`, so that several signers do not collide. */
function signaturePath(requestPath: string, keyid: string): string {
  return join(dirname(requestPath), `${basename(requestPath, '.json')}.${keyid.slice(0, 8)}.sig.json`);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
