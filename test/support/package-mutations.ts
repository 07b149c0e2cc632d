import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../../src/lib/core/canonical-json.js';
import { OtaError } from '../../src/lib/core/errors.js';
import { memoryAccess } from '../../src/lib/core/file-access.js';
import type { JsonValue } from '../../src/lib/core/strict-json.js';
import { applyPackage } from '../../src/lib/package/apply.js';
import { authenticatePackage } from '../../src/lib/package/authenticate.js';
import { openContainer } from '../../src/lib/package/container.js';
import { parseMetadata, targetsOf } from '../../src/lib/package/metadata.js';
import { requirePolicy, verifyPayloads } from '../../src/lib/package/verify.js';
import { trustKeys } from '../../src/lib/trust/trust-policy.js';
import { testFolder } from './folder.js';
import { type Mutation, mutate } from './mutations.js';
import { packageBytes, testSigner } from './packages.js';

const fixtures = join(import.meta.dirname, '../fixtures/packages/spec-1');
const signer = testSigner(1);
const now = new Date('2026-12-01T00:00:00Z');
/** What a package may be refused with; anything else is a bug. */
const REFUSALS = [3, 4, 5, 9];

/** Where a mutation strikes: the file as a whole, or metadata or a payload that are then signed again. */
export const LAYERS = ['file', 'metadata', 'payload'] as const;

/**
 * Makes a hostile copy of a frozen package and does with it all that `verify` and `apply` do.
 *
 * @throws when it is neither refused as a package may be, with nothing written, nor makes the very image that was signed
 */
export async function survivesMutation(
  file: string,
  layer: (typeof LAYERS)[number],
  list: readonly Mutation[],
): Promise<void> {
  const original = await readFile(join(fixtures, file));
  const base = memoryAccess(await readFile(join(fixtures, 'movehub-3.6.bin')), 'base');
  const bytes = await mutatedPackage(original, layer, list);
  await using folder = await testFolder();
  const out = (component: string) => folder.file(`${component}.bin`);
  let images: Map<string, string>;
  try {
    const container = await openContainer(memoryAccess(bytes, 'x.ota'));
    const pkg = authenticatePackage(container, { trust: trustKeys([signer.publicKey]), now });
    requirePolicy(pkg, { now });
    await verifyPayloads(pkg.payloads);
    const targets = targetsOf(pkg.metadata);
    const outputs = new Map([...targets.keys()].map((component) => [component, out(component)]));
    await applyPackage({ pkg, bases: new Map([['app', base]]), outputs, force: false, dryRun: false });
    images = new Map([...targets].map(([component, { sha256 }]) => [component, sha256]));
  } catch (error) {
    if (!(error instanceof OtaError) || !REFUSALS.includes(error.exitCode)) throw error;
    const left = Object.keys(await folder.state());
    if (left.length > 0) throw new Error(`refused with ${error.code}, but left ${left.join(', ')}`, { cause: error });
    return;
  }
  for (const [component, sha256] of images) {
    const made = hash('sha256', await readFile(out(component)));
    if (made !== sha256) throw new Error(`${component} was accepted with SHA-256 ${made}, ${sha256} was signed`);
  }
}

async function mutatedPackage(
  original: Buffer,
  layer: (typeof LAYERS)[number],
  list: readonly Mutation[],
): Promise<Buffer> {
  const { metadataBytes, payloads, roots } = await openContainer(memoryAccess(original, 'x.ota'));
  const resign = (bytes: Buffer, contents = payloads) =>
    packageBytes({ metadataBytes: bytes, payloads: contents, roots, signers: [signer] });
  if (layer === 'file') return mutate(await resign(metadataBytes), list);
  if (layer === 'metadata') return resign(mutate(metadataBytes, list));
  const metadata = parseMetadata(metadataBytes, 'x.ota');
  const [first, ...rest] = payloads;
  const patch = Buffer.alloc(first!.data.size);
  await first!.data.read(patch, 0);
  const hostile = mutate(patch, list);
  const { chunkBytes } = metadata.payloads[0]!;
  const chunks = Array.from({ length: Math.ceil(hostile.length / chunkBytes) }, (_, index) =>
    hash('sha256', hostile.subarray(index * chunkBytes, (index + 1) * chunkBytes)),
  );
  Object.assign(metadata.payloads[0]!, { size: hostile.length, sha256: hash('sha256', hostile), chunkSha256: chunks });
  const contents = [{ file: first!.file, data: memoryAccess(hostile, first!.file) }, ...rest];
  return resign(canonicalJson(metadata as JsonValue), contents);
}
