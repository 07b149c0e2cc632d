import { publishedRelease, type Release } from '../../catalog/release.js';
import type { AuthenticPackage } from '../../package/authenticate.js';
import type { Container, ContainerRoot } from '../../package/container.js';

/** What of a release never changes. */
export type ReleaseRecord = Pick<Release, 'digest' | 'metadata' | 'artifactBytes' | 'cuts'>;

/**
 * What ways are judged by, as JSON. Without the hashes of chunks, which are nearly all of metadata and judge nothing: a
 * search reads hundreds of releases.
 */
export function recordText(pkg: AuthenticPackage, artifactBytes: number): string {
  const { digest, metadata, cuts } = publishedRelease(pkg, artifactBytes);
  const payloads = metadata.payloads.map((payload) => ({ ...payload, chunkSha256: [] }));
  return JSON.stringify({ digest, metadata: { ...metadata, payloads }, artifactBytes, cuts } satisfies ReleaseRecord);
}

export function parseRecord(text: string): ReleaseRecord {
  return JSON.parse(text) as ReleaseRecord;
}

/** What shows who signed a release: enough to verify it under any later trust root. */
export interface ReleaseProof {
  readonly signatureBytes: Buffer;
  /** Roots that travelled with the package. */
  readonly roots: ContainerRoot[];
}

export function proofText({ signatureBytes, roots }: Pick<Container, 'signatureBytes' | 'roots'>): string {
  return JSON.stringify({
    signature: signatureBytes.toString('base64'),
    roots: roots.map(({ version, bytes }) => ({ version, root: bytes.toString('base64') })),
  });
}

export function parseProof(text: string): ReleaseProof {
  const { signature, roots } = JSON.parse(text) as { signature: string; roots: { version: number; root: string }[] };
  return {
    signatureBytes: Buffer.from(signature, 'base64'),
    roots: roots.map(({ version, root }) => ({ version, bytes: Buffer.from(root, 'base64') })),
  };
}
