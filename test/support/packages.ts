import { createPrivateKey, createPublicKey, hash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { canonicalJson } from '../../src/lib/core/canonical-json.js';
import { memoryAccess } from '../../src/lib/core/file-access.js';
import type { JsonValue } from '../../src/lib/core/strict-json.js';
import { packageDigest } from '../../src/lib/package/authenticate.js';
import type { ContainerPayload, ContainerRoot } from '../../src/lib/package/container.js';
import type { DeltaSettings } from '../../src/lib/package/delta-settings.js';
import { type Metadata, PAYLOAD_FORMATS, type PayloadEntry } from '../../src/lib/package/metadata.js';
import { containerBytes } from '../../src/lib/package/write-container.js';
import {
  createSignature,
  encodeSignatureEnvelope,
  METADATA_PAYLOAD_TYPE,
  mergeSignatures,
} from '../../src/lib/trust/dsse.js';
import { enrolSpki } from '../../src/lib/trust/public-key.js';
import { keySigner, type Signer } from '../../src/lib/trust/signer.js';

/** Deltas of the format that takes no time to make for small images. */
export const BSDF2_DELTAS: DeltaSettings = {
  format: 'bsdf2',
  deviceFormats: PAYLOAD_FORMATS,
  repack: false,
  effort: 'best',
};

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A key that everybody can make again from its number; good for nothing but tests. */
export function testSigner(number: number): Signer {
  const seed = Buffer.alloc(32, number);
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return keySigner(privateKey, enrolSpki(spki, false, `test key ${number}`));
}

/** A full image as a payload: its entry in metadata and its content. */
export function fullPayload(
  image: Uint8Array,
  { component = 'app', version = '2.0.0', chunkBytes = 4096 } = {},
): { entry: PayloadEntry; content: ContainerPayload } {
  const sha256 = hash('sha256', image);
  const file = `${component}-full.full`;
  const chunkSha256: string[] = [];
  for (let at = 0; at < image.byteLength; at += chunkBytes) {
    chunkSha256.push(hash('sha256', image.subarray(at, at + chunkBytes)));
  }
  const size = image.byteLength;
  return {
    entry: {
      component,
      format: 'full',
      file,
      size,
      sha256,
      chunkBytes,
      chunkSha256,
      target: { version, size, sha256 },
      applyMemoryBytes: chunkBytes,
      storageBytes: 0,
    },
    content: { file, data: memoryAccess(image, file) },
  };
}

/** Metadata of a small release, with its payloads and whatever a test wants otherwise. */
export function releaseMetadata(payloads: PayloadEntry[], changes: Record<string, unknown> = {}): Metadata {
  return {
    spec: 'ota-fleet/1',
    product: 'meter',
    compatible: { models: ['M100'] },
    version: '2.0.0',
    sequence: 2,
    securityCounter: 1,
    payloads,
    ...changes,
  } as Metadata;
}

/** The bytes of a package around any metadata bytes, signed by any keys. */
export async function packageBytes({
  metadataBytes,
  payloads,
  signers,
  roots = [],
}: {
  metadataBytes: Uint8Array;
  payloads: ContainerPayload[];
  signers: Signer[];
  roots?: ContainerRoot[];
}): Promise<Buffer> {
  const digest = Buffer.from(packageDigest(metadataBytes), 'hex');
  const signatures = await Promise.all(signers.map((signer) => createSignature(METADATA_PAYLOAD_TYPE, digest, signer)));
  const signatureBytes = encodeSignatureEnvelope({
    payloadType: METADATA_PAYLOAD_TYPE,
    signatures: mergeSignatures([], signatures),
  });
  return buffer(containerBytes({ metadataBytes, signatureBytes, roots, payloads }));
}

/** A small signed package with one full image. */
export async function smallPackage(
  image: Uint8Array,
  changes: Record<string, unknown> = {},
  signers: Signer[] = [testSigner(1)],
): Promise<Buffer> {
  const { entry, content } = fullPayload(image);
  const metadata = releaseMetadata([entry], changes);
  return packageBytes({ metadataBytes: canonicalJson(metadata as JsonValue), payloads: [content], signers });
}
