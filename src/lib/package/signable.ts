import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { canonicalJson } from '../core/canonical-json.js';
import { OtaError } from '../core/errors.js';
import { openFile, readBounded } from '../core/file-access.js';
import { parseStrictJson } from '../core/strict-json.js';
import { escapeText } from '../core/text.js';
import {
  encodeSignatureEnvelope,
  METADATA_PAYLOAD_TYPE,
  parseSignatureEnvelope,
  ROOT_PAYLOAD_TYPE,
  type Signature,
} from '../trust/dsse.js';
import { encodeTrustRoot, makeTrustRoot, ROOT_MAX_BYTES, readTrustRoot } from '../trust/root.js';
import { readPredecessor, requireRootSigner } from '../trust/root-file.js';
import { type SignatureNeed, signatureNeeds } from '../trust/root-rotation.js';
import { rootSummary } from '../trust/root-summary.js';
import {
  parseSigningRequest,
  SIGNING_REQUEST_MAX_BYTES,
  type SignablePayloadType,
  type SigningRequest,
} from '../trust/signing-request.js';
import { listPayloads } from './authenticate.js';
import { type Container, openContainer } from './container.js';
import { type Metadata, parseMetadata, targetsOf } from './metadata.js';
import { type OnBytes, verifyPayloads } from './verify.js';
import { containerBytes } from './write-container.js';

/** A package or a trust root, open to be signed. */
export interface Signable extends AsyncDisposable {
  readonly kind: 'package' | 'root';
  readonly path: string;
  /** What is signed, and everything a signer needs to see it. */
  readonly request: SigningRequest;
  /** The same in words, a line each: nothing of it is vouched for. */
  readonly words: readonly string[];
  readonly signatures: readonly Signature[];
  /** Refuses to sign what a device would refuse: damaged payloads. */
  check(options: { signal?: AbortSignal; onBytes?: OnBytes }): Promise<void>;
  /** @throws OtaError KEY_UNTRUSTED for a key that can never count (trust roots only) */
  requireSigner(keyid: string): void;
  /** Root roles that must sign and how far they have; empty for a package, whose verifier decides. */
  needs(signatures: readonly Signature[]): SignatureNeed[];
  /** The whole file with these signatures in place of its own; all else is unchanged. */
  withSignatures(signatures: readonly Signature[], signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

/**
 * Opens a package or a trust root to be signed.
 *
 * @param previousPath version N−1 of a trust root, where it does not lie beside it
 * @throws OtaError as `openContainer`, `parseMetadata`, `parseSignatureEnvelope`, `readTrustRoot`
 */
export async function openSignable(path: string, previousPath?: string): Promise<Signable> {
  return (await startsLikeJson(path)) ? await openRoot(path, previousPath) : await openPackageFile(path);
}

/**
 * Reads a signing request.
 *
 * @returns undefined for a file that is something else: a package, a trust root
 * @throws OtaError as `parseSigningRequest`
 */
export async function readSigningRequest(path: string): Promise<SigningRequest | undefined> {
  if (!(await startsLikeJson(path))) return undefined;
  const bytes = await readBounded(path, SIGNING_REQUEST_MAX_BYTES, 'signing request');
  const json = parseStrictJson(bytes, { name: path, maxBytes: SIGNING_REQUEST_MAX_BYTES });
  const isRequest = typeof json === 'object' && json !== null && 'message' in json;
  return isRequest ? parseSigningRequest(bytes, path) : undefined;
}

/** Is this file JSON (a trust root, a signing request) rather than a package? */
async function startsLikeJson(path: string): Promise<boolean> {
  await using file = await openFile(path);
  const head = Buffer.alloc(64);
  const got = await file.read(head, 0);
  return /^\s*\{/.test(head.toString('latin1', 0, got));
}

/**
 * What a signing request asks to sign, in words, a line each.
 *
 * @throws OtaError SIGNING_REQUEST_INVALID for content that no device would accept as the thing signed; as
 *   `parseMetadata` and `makeTrustRoot`
 */
export function requestWords({ payloadType, content, subject }: SigningRequest): string[] {
  if (payloadType === METADATA_PAYLOAD_TYPE) return metadataWords(parseMetadata(content, subject));
  const signed = parseStrictJson(content, { name: subject, maxBytes: ROOT_MAX_BYTES });
  if (!canonicalJson(signed).equals(content)) {
    throw new OtaError(
      'SIGNING_REQUEST_INVALID',
      `${escapeText(subject)}: its content is not in canonical form (RFC 8785)`,
    );
  }
  return rootSummary(makeTrustRoot(signed, [], subject));
}

async function openPackageFile(path: string): Promise<Signable> {
  const file = await openFile(path);
  try {
    const container = await openContainer(file);
    const metadata = parseMetadata(container.metadataBytes, path);
    return packageSignable(path, container, metadata, () => file.close());
  } catch (error) {
    await file.close();
    throw error;
  }
}

function packageSignable(path: string, container: Container, metadata: Metadata, close: () => Promise<void>): Signable {
  const payloads = listPayloads(container, metadata);
  const { signatures } = parseSignatureEnvelope(
    container.signatureBytes,
    METADATA_PAYLOAD_TYPE,
    `${path}:signature.json`,
  );
  return {
    kind: 'package',
    path,
    request: signingRequest(METADATA_PAYLOAD_TYPE, path, container.metadataBytes),
    words: metadataWords(metadata),
    signatures,
    check: (options) => verifyPayloads(payloads, options),
    requireSigner: () => {},
    needs: () => [],
    withSignatures: (merged, signal) => {
      const signatureBytes = encodeSignatureEnvelope({ payloadType: METADATA_PAYLOAD_TYPE, signatures: merged });
      return containerBytes({ ...container, signatureBytes }, signal);
    },
    [Symbol.asyncDispose]: close,
  };
}

async function openRoot(path: string, previousPath: string | undefined): Promise<Signable> {
  const root = await readTrustRoot(path);
  const previous = await readPredecessor(root, previousPath);
  const needs = (signatures: readonly Signature[]) => signatureNeeds({ ...root, signatures }, previous);
  needs(root.signatures);
  return {
    kind: 'root',
    path,
    request: signingRequest(ROOT_PAYLOAD_TYPE, path, canonicalJson(root.signed)),
    words: rootSummary(root),
    signatures: root.signatures,
    check: async () => {},
    requireSigner: (keyid) => requireRootSigner(root, previous, keyid),
    needs,
    withSignatures: async function* (signatures) {
      yield encodeTrustRoot({ signed: root.signed, signatures });
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

function signingRequest(payloadType: SignablePayloadType, path: string, content: Uint8Array): SigningRequest {
  return { payloadType, subject: basename(path), content, digest: createHash('sha256').update(content).digest() };
}

function metadataWords(metadata: Metadata): string[] {
  const { product, version, sequence, securityCounter, compatible, expiresAt } = metadata;
  const targets = [...targetsOf(metadata)].map(
    ([component, target]) =>
      `component ${component}: version ${target.version}, ${target.size} bytes, SHA-256 ${target.sha256}`,
  );
  return [
    `package of product ${product}, version ${version}, sequence ${sequence}, security counter ${securityCounter}`,
    `for models ${compatible.models.join(', ')}`,
    ...(expiresAt === undefined ? [] : [`expires ${expiresAt}`]),
    ...targets,
  ].map(escapeText);
}
