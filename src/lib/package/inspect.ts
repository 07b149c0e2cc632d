import type { PatchExplanation } from '../delta/explain-patch.js';
import { METADATA_PAYLOAD_TYPE, parseSignatureEnvelope } from '../trust/dsse.js';
import { type ListedPayload, listPayloads, packageDigest } from './authenticate.js';
import type { Container } from './container.js';
import type { ExplainedDelta } from './explain-deltas.js';
import { type Metadata, type PayloadEntry, parseMetadata } from './metadata.js';
import { openPackage } from './open-package.js';

/** What a package says of itself. None of it is verified: trust comes from `verify`. */
export interface Inspection {
  digest: string;
  metadata: Metadata;
  /** Key ids that claim to have signed. */
  keyids: string[];
  /** Versions of the trust roots that travel with it. */
  rootVersions: number[];
  /** Those that this container holds; a thin one holds a part of what metadata lists. */
  payloads: ListedPayload[];
}

/** @throws OtaError SIGNATURE_FILE_INVALID, CONTAINER_INVALID, as `parseMetadata`; signatures are not judged */
export function inspectContainer(container: Container): Inspection {
  const { name, metadataBytes, signatureBytes } = container;
  const { signatures } = parseSignatureEnvelope(signatureBytes, METADATA_PAYLOAD_TYPE, `${name}:signature.json`);
  const metadata = parseMetadata(metadataBytes, name);
  return {
    digest: packageDigest(metadataBytes),
    metadata,
    keyids: signatures.map(({ keyid }) => keyid),
    rootVersions: container.roots.map(({ version }) => version),
    payloads: listPayloads(container, metadata),
  };
}

/** What `ota inspect --json` prints. */
export interface InspectReport {
  /** Always false: inspecting trusts nothing. */
  verified: false;
  package: string;
  /** Of the file, bytes. */
  size: number;
  digest: string;
  /** As signed, but chunk hashes are counted instead of listed. */
  metadata: Omit<Metadata, 'payloads'>;
  payloads: (Omit<PayloadEntry, 'chunkSha256'> & { chunks: number; contained: boolean })[];
  keyids: string[];
  rootVersions: number[];
  /** What its deltas are made of, where that was asked for. */
  deltas?: ExplainedDelta[];
  /** Paths of the parts that were written. */
  extracted?: string[];
}

export function inspectReport(
  { container, size }: { container: Container; size: number },
  inspection: Inspection,
): InspectReport {
  const { payloads, ...metadata } = inspection.metadata;
  const contained = new Set(inspection.payloads.map(({ entry }) => entry.file));
  return {
    verified: false,
    package: container.name,
    size,
    digest: inspection.digest,
    metadata,
    payloads: payloads.map(({ chunkSha256, ...entry }) => ({
      ...entry,
      chunks: chunkSha256.length,
      contained: contained.has(entry.file),
    })),
    keyids: inspection.keyids,
    rootVersions: inspection.rootVersions,
  };
}

/** What `ota inspect PATCH --json` prints. */
export interface InspectPatchReport extends PatchExplanation {
  /** Always false: inspecting trusts nothing. */
  verified: false;
  patch: string;
}

/** Metadata of the package that was released before, which its publisher trusts without checking. */
export async function readPreviousMetadata(path: string): Promise<Metadata> {
  await using file = await openPackage(path);
  return inspectContainer(file.container).metadata;
}
