import { hash } from 'node:crypto';
import { canonicalJson } from '../../../../src/lib/core/canonical-json.js';
import { memoryAccess } from '../../../../src/lib/core/file-access.js';
import type { JsonObject, JsonValue } from '../../../../src/lib/core/strict-json.js';
import type { ContainerPayload } from '../../../../src/lib/package/container.js';
import type { PayloadEntry } from '../../../../src/lib/package/metadata.js';
import {
  type ArtifactUpload,
  type StoredArtifact,
  storeArtifact,
} from '../../../../src/lib/server/artifacts/store-artifact.js';
import type { ServerContext } from '../../../../src/lib/server/context.js';
import { encodeTrustRoot, type TrustRoot } from '../../../../src/lib/trust/root.js';
import { fullPayload, packageBytes, releaseMetadata, testSigner } from '../../../support/packages.js';
import { rootOf } from '../../trust/keys.js';

export const rootSigner = testSigner(11);
export const releaseSigner = testSigner(12);

export function tenantRoot(): Promise<TrustRoot> {
  return rootOf({ root: [rootSigner], release: [releaseSigner] });
}

export function rootFile(root: TrustRoot): JsonObject {
  return JSON.parse(encodeTrustRoot(root).toString()) as JsonObject;
}

/** A payload for devices whose image is `base`; what it holds is applied by nobody here. */
export function deltaPayload(patch: Uint8Array, { base, target }: { base: Uint8Array; target: Uint8Array }) {
  const { entry, content } = fullPayload(patch);
  const baseSha256 = hash('sha256', base);
  const file = `app-${baseSha256.slice(0, 8)}.bsdiff40`;
  const delta: PayloadEntry = {
    ...entry,
    format: 'bsdiff40',
    file,
    target: { version: '2.0.0', size: target.byteLength, sha256: hash('sha256', target) },
    base: { size: base.byteLength, sha256: baseSha256 },
  };
  const payload: ContainerPayload = { file, data: memoryAccess(patch, content.file) };
  return { entry: delta, content: payload };
}

/** A signed package of payloads. */
export function packed(payloads: { entry: PayloadEntry; content: ContainerPayload }[], changes: object = {}) {
  const metadata = releaseMetadata(
    payloads.map(({ entry }) => entry),
    changes as Record<string, unknown>,
  );
  return packageBytes({
    metadataBytes: canonicalJson(metadata as unknown as JsonValue),
    payloads: payloads.map(({ content }) => content),
    signers: [releaseSigner],
  });
}

/** Lets the first tenant trust the test's root. */
export async function trustTestRoot({ database }: ServerContext, tenantId: number): Promise<void> {
  const value = JSON.stringify(rootFile(await tenantRoot()));
  await database.sql.insertInto('tenant_setting').values({ tenant_id: tenantId, name: 'trustRoot', value }).execute();
}

/** Sends bytes to a module as an upload does. */
export function upload(
  server: ServerContext,
  bytes: Uint8Array,
  to: Pick<ArtifactUpload, 'tenantId' | 'moduleId' | 'filename'> & Partial<ArtifactUpload>,
): Promise<StoredArtifact> {
  return storeArtifact(server, { source: inChunks(bytes), actor: 'alice', ...to });
}

export async function* inChunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 1000) yield bytes.subarray(at, at + 1000);
}
