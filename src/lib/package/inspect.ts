import { METADATA_PAYLOAD_TYPE, parseSignatureEnvelope } from '../trust/dsse.js';
import { type ListedPayload, listPayloads, packageDigest } from './authenticate.js';
import type { Container } from './container.js';
import { type Metadata, parseMetadata } from './metadata.js';

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

/** The parts of a container as files: name and content. */
export function partsOf(container: Container): Map<string, Uint8Array | ListedPayload['data']> {
  return new Map<string, Uint8Array | ListedPayload['data']>([
    ['metadata.json', container.metadataBytes],
    ['signature.json', container.signatureBytes],
    ...container.roots.map(({ version, bytes }) => [`root.${version}.json`, bytes] as const),
    ...container.payloads.map(({ file, data }) => [file, data] as const),
  ]);
}
