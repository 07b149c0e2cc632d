import { DELTA_FORMATS } from '../lib/delta/formats.js';
import { PACKAGE_SPEC } from '../lib/package/metadata.js';

export interface VersionReport {
  name: string;
  version: string;
  node: string;
  /** Operating system and processor. */
  platform: string;
  /** What packages of this release say in `spec`, and the patch formats it makes and applies. */
  formats: { package: string; delta: readonly string[] };
}

export function versionReport({ name, version }: { name: string; version: string }): VersionReport {
  return {
    name,
    version,
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    formats: { package: PACKAGE_SPEC, delta: DELTA_FORMATS },
  };
}

export function versionText({ name, version, node, platform, formats }: VersionReport): string {
  return [
    `${name} ${version}`,
    `Node.js ${node} on ${platform}`,
    `package format ${formats.package}, delta formats ${formats.delta.join(', ')}`,
  ].join('\n');
}
