import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { type AtomicFile, openAtomicFile, requireFreeTarget } from '../core/atomic-file.js';
import { commitTogether } from '../core/commit-together.js';
import { OtaError } from '../core/errors.js';
import { ResourceStack } from '../core/resource-stack.js';
import type { AuthenticPackage, ListedPayload } from './authenticate.js';
import { type ImageDigest, targetsOf } from './metadata.js';
import type { SelectedPayload } from './select-payloads.js';
import { targetBytes } from './target-bytes.js';
import { type BaseImages, type OnBytes, selectForBases, verifyPayloads } from './verify.js';

export interface ApplyRequest {
  /** A package that policy accepts. */
  pkg: AuthenticPackage;
  bases: BaseImages;
  /** Where the new image of each component goes; none may be left out. */
  outputs: ReadonlyMap<string, string>;
  noFullFallback?: boolean;
  force: boolean;
  /** Do everything but write. */
  dryRun: boolean;
  signal?: AbortSignal;
  onBytes?: OnBytes;
}

export interface AppliedComponent {
  component: string;
  /** The payload that was used. */
  file: string;
  fullFallback: boolean;
  out: string;
  target: ImageDigest;
}

/**
 * Makes the new image of every component of a package: all of them or none. An output
 * appears under its name when its bytes have the signed hash, and not before.
 *
 * @throws OtaError USAGE (an output is missing), BASE_MISMATCH, FULL_FALLBACK_FORBIDDEN, PAYLOAD_MISMATCH,
 *   as `targetBytes`, OUTPUT_EXISTS and the other failures of writing
 */
export async function applyPackage(request: ApplyRequest): Promise<AppliedComponent[]> {
  const { pkg, bases, signal, dryRun, force, onBytes } = request;
  const outputs = await outputsOf(request);
  for (const path of outputs.values()) await requireFreeTarget(path, force);
  const selected = await selectForBases(pkg, bases, { noFullFallback: request.noFullFallback, signal });
  await verifyPayloads(selected, { signal });

  const total = selected.reduce((sum, { entry }) => sum + entry.target.size, 0);
  let done = 0;
  await using open = new ResourceStack();
  const pending: AtomicFile[] = [];
  const applied: AppliedComponent[] = [];
  for (const choice of selected) {
    const out = outputs.get(choice.entry.component)!;
    const file = dryRun ? undefined : open.use(await openAtomicFile(out, { force, signal }));
    if (file !== undefined) pending.push(file);
    for await (const chunk of targetBytes(choice, bases.get(choice.entry.component), signal)) {
      await file?.write(chunk);
      done += chunk.byteLength;
      onBytes?.(done, total);
    }
    applied.push(describe(choice, out));
  }
  await commitTogether(pending);
  return applied;
}

/** Every component needs a place, or a half-updated set would look complete. */
async function outputsOf({ pkg, outputs }: ApplyRequest): Promise<ReadonlyMap<string, string>> {
  const components = [...targetsOf(pkg.metadata).keys()];
  const missing = components.filter((component) => !outputs.has(component));
  const unknown = [...outputs.keys()].filter((component) => !components.includes(component));
  if (missing.length > 0) {
    throw new OtaError(
      'USAGE',
      `${pkg.name}: updates ${components.join(', ')}, no output is given for ${missing.join(', ')}`,
      [`Add --out ${missing[0]}=FILE.`],
    );
  }
  if (unknown.length > 0) {
    throw new OtaError('USAGE', `${pkg.name}: updates ${components.join(', ')}, not ${unknown.join(', ')}`);
  }
  const paths = await Promise.all([...outputs.values()].map(trueName));
  if (new Set(paths).size < paths.length) {
    throw new OtaError('USAGE', `${pkg.name}: two components have the same output, ${paths.join(' and ')}`, [
      'Give each component a file of its own.',
    ]);
  }
  return outputs;
}

/** Where an output really lies: its folder may be reached through a link. A missing folder is reported on writing. */
async function trueName(path: string): Promise<string> {
  const folder = dirname(resolve(path));
  return join(await realpath(folder).catch(() => folder), basename(path));
}

function describe({ entry, fullFallback }: SelectedPayload & ListedPayload, out: string): AppliedComponent {
  return { component: entry.component, file: entry.file, fullFallback, out, target: entry.target };
}
