import { refOf } from '../../catalog/release.js';
import { type Metadata, targetsOf } from '../../package/metadata.js';
import type { ReleaseJson } from '../../wire/catalog.js';
import type { StoredRelease } from './stored-release.js';

/** A release as it is sent. */
export function releaseView(release: StoredRelease): ReleaseJson {
  const { metadata, cuts, channels, yanked } = release;
  return {
    ...refOf(release),
    product: metadata.product,
    securityCounter: metadata.securityCounter,
    vendor: metadata.vendor ?? null,
    buildId: metadata.buildId ?? null,
    models: metadata.compatible.models,
    hardwareRevisions: metadata.compatible.hardwareRevisions ?? null,
    createdAt: metadata.createdAt ?? null,
    expiresAt: metadata.expiresAt ?? null,
    rollback: metadata.rollback ?? null,
    dependsOn: metadata.dependsOn ?? [],
    components: [...targetsOf(metadata)].map(([component, { version, size, sha256 }]) => {
      return { component, version, bytes: size, sha256 };
    }),
    filename: release.filename,
    bytes: release.artifactBytes,
    cuts: cuts.map(({ label, files, bytes }) => ({ label, baseVersions: baseVersions(metadata, files), bytes })),
    channels: channels.map(({ name, enteredAtMs }) => ({ name, enteredAt: timeText(enteredAtMs) })),
    publishedAt: timeText(release.publishedAt),
    publishedBy: release.publishedBy,
    yanked: yanked ? { reason: yanked.reason, at: timeText(yanked.atMs) } : null,
    distributionSet: { id: release.setId, name: release.setName, version: release.setVersion },
  };
}

/** Versions of the images that a cut applies to, of those that metadata gives one. */
export function baseVersions({ payloads }: Metadata, files: readonly string[]): string[] {
  const bases = payloads.filter(({ file }) => files.includes(file)).flatMap(({ base }) => base?.version ?? []);
  return [...new Set(bases)];
}

/** RFC 3339 of milliseconds since 1970. */
function timeText(time: number): string {
  return new Date(time).toISOString();
}
