import { chunksOf } from '../core/file-access.js';
import type { RandomAccess } from '../core/random-access.js';
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
 * Compares what two containers really hold where their metadata promises the same: one of them was damaged.
 *
 * @returns a difference for each payload whose bytes differ, with the offset of the first one
 */
export async function diffContents(a: Inspection, b: Inspection, signal?: AbortSignal): Promise<PackageDifference[]> {
  const found: PackageDifference[] = [];
  for (const { entry, data } of a.payloads) {
    const other = b.payloads.find((payload) => payload.entry.file === entry.file);
    if (other === undefined || other.entry.sha256 !== entry.sha256 || other.entry.size !== entry.size) continue;
    const offset = await firstDifference(data, other.data, signal);
    if (offset === undefined) continue;
    const path = `${entry.file}: bytes from offset ${offset} on`;
    found.push({ area: 'container', path, from: await byteAt(data, offset), to: await byteAt(other.data, offset) });
  }
  return found;
}

async function firstDifference(a: RandomAccess, b: RandomAccess, signal?: AbortSignal): Promise<number | undefined> {
  const bytes = Buffer.alloc(512 * 1024);
  let position = 0;
  for await (const chunk of chunksOf(a, { chunkBytes: bytes.length, signal })) {
    const other = bytes.subarray(0, await b.read(bytes.subarray(0, chunk.byteLength), position));
    if (!other.equals(chunk)) return position + chunk.findIndex((byte, index) => byte !== other[index]);
    position += chunk.byteLength;
  }
  return undefined;
}

async function byteAt(data: RandomAccess, offset: number): Promise<number> {
  const byte = Buffer.alloc(1);
  await data.read(byte, offset);
  return byte[0]!;
}

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
