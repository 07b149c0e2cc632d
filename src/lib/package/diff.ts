import type { JsonValue } from '../core/strict-json.js';
import type { Inspection } from './inspect.js';

/** One difference. `from` or `to` is absent where the value exists on one side only. */
export interface PackageDifference {
  /** What it means: release fields, policy (what devices judge by), payloads, signatures. */
  area: 'release' | 'policy' | 'payload' | 'signature' | 'container';
  /** Path inside the area, such as `compatible.models[0]` or `app-1a2b3c4d.bsdf2.size`. */
  path: string;
  from?: JsonValue;
  to?: JsonValue;
}

/** Fields that decide whether a device accepts a package. */
const POLICY_FIELDS = new Set([
  'product',
  'compatible',
  'sequence',
  'securityCounter',
  'expiresAt',
  'dependsOn',
  'confirm',
  'rollback',
  'critical',
]);

/**
 * Compares two packages field by field. Chunk hashes are left out: they change with the payload's hash.
 *
 * @returns every difference; empty where metadata, signatures and contents are equal
 */
export function diffPackages(a: Inspection, b: Inspection): PackageDifference[] {
  const { payloads: payloadsA, ...releaseA } = a.metadata;
  const { payloads: payloadsB, ...releaseB } = b.metadata;
  const fields: PackageDifference[] = differences(releaseA, releaseB).map((difference) => ({
    area: POLICY_FIELDS.has(/^\w+/.exec(difference.path)?.[0] ?? '') ? 'policy' : 'release',
    ...difference,
  }));
  const byFile = (payloads: typeof payloadsA): Record<string, unknown> =>
    Object.fromEntries(payloads.map(({ chunkSha256: _, ...entry }) => [entry.file, entry]));
  const contained = (side: Inspection): string[] => side.payloads.map(({ entry }) => entry.file);
  return [
    ...fields,
    ...differences(byFile(payloadsA), byFile(payloadsB)).map((difference) => ({
      area: 'payload' as const,
      ...difference,
    })),
    ...setDifferences('signature', a.keyids, b.keyids),
    ...setDifferences('container', contained(a), contained(b)),
    ...setDifferences('container', rootNames(a), rootNames(b)),
  ];
}

function rootNames({ rootVersions }: Inspection): string[] {
  return rootVersions.map((version) => `root.${version}.json`);
}

function setDifferences(area: PackageDifference['area'], a: string[], b: string[]): PackageDifference[] {
  return [
    ...a.filter((value) => !b.includes(value)).map((value) => ({ area, path: value, from: value })),
    ...b.filter((value) => !a.includes(value)).map((value) => ({ area, path: value, to: value })),
  ];
}

function differences(a: unknown, b: unknown, path = ''): Omit<PackageDifference, 'area'>[] {
  if (isObject(a) && isObject(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
    return keys.flatMap((key) => differences(a[key], b[key], joinPath(path, key, Array.isArray(a))));
  }
  if (a === b) return [];
  return [
    { path, ...(a === undefined ? {} : { from: a as JsonValue }), ...(b === undefined ? {} : { to: b as JsonValue }) },
  ];
}

function joinPath(path: string, key: string, isIndex: boolean): string {
  if (isIndex) return `${path}[${key}]`;
  return path === '' ? key : `${path}.${key}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
