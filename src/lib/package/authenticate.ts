import { createHash } from 'node:crypto';
import { OtaError } from '../core/errors.js';
import type { RandomAccess } from '../core/random-access.js';
import { METADATA_PAYLOAD_TYPE, parseSignatureEnvelope } from '../trust/dsse.js';
import { requireRole, type SignatureVerdict, satisfiedRoles, type Trust } from '../trust/trust-policy.js';
import type { Container } from './container.js';
import { type Metadata, type PayloadEntry, parseMetadata } from './metadata.js';

/** A payload together with what signed metadata promises about it. Its bytes are not checked yet. */
export interface ListedPayload {
  entry: PayloadEntry;
  data: RandomAccess;
}

/** A package whose metadata is authentic and agrees with its container. */
export interface AuthenticPackage {
  name: string;
  /** SHA-256 of the metadata bytes, 64 lowercase hex digits. */
  digest: string;
  metadata: Metadata;
  signatures: SignatureVerdict;
  /** Key ids that may sign releases of this product. */
  trustedKeyids: ReadonlySet<string>;
  /** Those that the container holds, in the order of metadata. */
  payloads: ListedPayload[];
}

export interface AuthenticateOptions {
  trust: Trust;
  now: Date;
  /** Let keys count that are marked as test keys. */
  allowTestKeys?: boolean;
}

/**
 * Checks who signed, then parses what they signed: nothing of metadata is believed,
 * or even parsed, before the signatures over its raw bytes are good.
 *
 * @throws OtaError SIGNATURE_FILE_INVALID; status 3 as `satisfiedRoles`; as `parseMetadata`;
 *   ROLE_UNTRUSTED; CONTAINER_INVALID where the container's payloads are not among those listed
 * @see docs/package-format.md, "Order of checks"
 */
export function authenticatePackage(container: Container, options: AuthenticateOptions): AuthenticPackage {
  const { trust, now, allowTestKeys = false } = options;
  const { name, metadataBytes } = container;
  const envelope = parseSignatureEnvelope(container.signatureBytes, METADATA_PAYLOAD_TYPE, `${name}:signature.json`);
  const digest = packageDigest(metadataBytes);
  const verdicts = satisfiedRoles(trust, {
    payloadType: METADATA_PAYLOAD_TYPE,
    digest: Buffer.from(digest, 'hex'),
    envelope,
    now,
    allowTestKeys,
    name,
  });
  const metadata = parseMetadata(metadataBytes, name);
  const signatures = requireRole(trust, verdicts, metadata.product, name);
  const keys = trust.roleFor(metadata.product)?.keys ?? [];
  return {
    name,
    digest,
    metadata,
    signatures,
    trustedKeyids: new Set(keys.map(({ keyid }) => keyid)),
    payloads: listPayloads(container, metadata),
  };
}

/** SHA-256 of the exact metadata bytes: what plans, journals and devices know a package by. */
export function packageDigest(metadataBytes: Uint8Array): string {
  return createHash('sha256').update(metadataBytes).digest('hex');
}

/**
 * Matches the container's payloads with metadata: a non-empty ordered subset, each of the listed size.
 *
 * @throws OtaError CONTAINER_INVALID
 */
export function listPayloads({ name, payloads }: Container, metadata: Metadata): ListedPayload[] {
  let from = 0;
  return payloads.map(({ file, data }) => {
    const index = metadata.payloads.findIndex((entry, at) => at >= from && entry.file === file);
    const entry = metadata.payloads[index];
    if (entry === undefined) {
      throw new OtaError(
        'CONTAINER_INVALID',
        `${name}: "${file}" is not among the payloads of its metadata, or out of their order`,
      );
    }
    if (data.size !== entry.size) {
      throw new OtaError(
        'CONTAINER_INVALID',
        `${name}: ${file} has ${data.size} bytes, its metadata says ${entry.size}`,
      );
    }
    from = index + 1;
    return { entry, data };
  });
}
