import { hash } from 'node:crypto';
import type { PayloadEntry } from '../../../../src/lib/package/metadata.js';
import { fullPayload } from '../../../support/packages.js';
import { deltaPayload, packed, rootFile, tenantRoot } from '../artifacts/upload-fixture.js';
import type { CallResult, TestServer } from '../server-fixture.js';

/** The image of a version. */
export function imageOf(version: string, component = 'app'): Buffer {
  return Buffer.from(`${component} ${version} `.repeat(400));
}

export function imageSha256(version: string): string {
  return hash('sha256', imageOf(version));
}

export interface TestRelease {
  readonly sequence: number;
  /** Versions that it has a delta for; it has a full image unless `full` is false. */
  readonly from?: readonly string[];
  readonly full?: boolean;
}

/** A signed package of product `meter` for model `M100`. Its deltas are applied by nobody here. */
export function releasePackage(
  version: string,
  { sequence, from = [], full = true }: TestRelease,
  changes: Record<string, unknown> = {},
): Promise<Buffer> {
  const target = imageOf(version);
  const deltas = from.map((base) => {
    const payload = deltaPayload(Buffer.from(`from ${base} to ${version} `.repeat(20)), {
      base: imageOf(base),
      target,
    });
    return withVersions(payload, { base, version });
  });
  const whole = fullPayload(target, { version });
  return packed([...deltas, ...(full ? [whole] : [])], { version, sequence, ...changes });
}

function withVersions<P extends { entry: PayloadEntry }>(
  payload: P,
  { base, version }: { base: string; version: string },
): P {
  const { entry } = payload;
  return {
    ...payload,
    entry: { ...entry, target: { ...entry.target, version }, base: { ...entry.base!, version: base } },
  };
}

/** Lets a tenant trust the test's root, as an administrator would. */
export async function trustRootOf(server: TestServer, tenant = 'DEFAULT'): Promise<void> {
  const { status, body } = await server.call('PUT', '/api/v1/trust-root', {
    body: rootFile(await tenantRoot()),
    tenant,
  });
  if (status !== 200) throw new Error(JSON.stringify(body));
}

/** Publishes as a client does. */
export async function publish(
  server: TestServer,
  bytes: Uint8Array,
  query = '',
  {
    as = 'operator',
    tenant = 'DEFAULT',
    filename = 'x.ota',
  }: { as?: 'operator' | 'viewer'; tenant?: string; filename?: string } = {},
): Promise<CallResult> {
  const response = await fetch(`${server.url}/api/v1/releases?filename=${filename}${query}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${server.token(as, tenant)}`,
      'content-type': 'application/octet-stream',
    },
    body: bytes,
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}
