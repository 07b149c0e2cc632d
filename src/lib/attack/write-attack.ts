import { chmod, lstat, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { throwIfAborted } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import { ioError, systemCode } from '../core/io-error.js';
import type { RandomAccess } from '../core/random-access.js';
import { escapeText } from '../core/text.js';
import { packageDigest } from '../package/authenticate.js';
import type { Container } from '../package/container.js';
import type { CaseFile } from './attack-case.js';
import { attackCases } from './attack-cases.js';
import { type AttackIndex, filesOf, indexedCase } from './attack-index.js';
import { Forge } from './forge.js';
import { takeSpecimen } from './specimen.js';

export interface AttackRequest {
  /** A valid package; whether its signatures are trusted does not matter. */
  container: Container;
  /** The image that one of its deltas applies to. */
  base?: RandomAccess | undefined;
  /** The throw-away keys are derived from it. */
  seed: string;
  /** A folder that does not exist yet, or is empty. */
  outDirectory: string;
  /** Make everything, write nothing. */
  dryRun: boolean;
  signal?: AbortSignal | undefined;
  onCase?: ((done: number) => void) | undefined;
}

/**
 * Writes the refusal catalogue as files: one package for each case, the keys, trust roots and base
 * images they need, and `index.json`. The folder appears complete or not at all.
 *
 * @throws OtaError as `takeSpecimen`; OUTPUT_EXISTS, OUTPUT_SYMLINK and the other failures of writing
 */
export async function writeAttack(request: AttackRequest): Promise<AttackIndex> {
  const { container, seed, outDirectory, dryRun } = request;
  const specimen = await takeSpecimen(container, request.base);
  const { product, version } = specimen.metadata;
  const index: AttackIndex = {
    spec: 'ota-fleet-attack/1',
    package: { digest: packageDigest(container.metadataBytes), product, version },
    seed,
    cases: [],
  };
  const write = async (into?: string) => {
    for (const attack of attackCases(new Forge(specimen, seed))) {
      throwIfAborted(request.signal);
      if (into !== undefined) await writeFiles(into, filesOf(attack));
      index.cases.push(indexedCase(attack));
      request.onCase?.(index.cases.length);
    }
    index.cases.sort((a, b) => a.row - b.row);
    const bytes = Buffer.from(`${JSON.stringify(index, null, 2)}\n`);
    if (into !== undefined) await writeFiles(into, [{ path: 'index.json', bytes }]);
  };
  if (dryRun) await write();
  else await inNewDirectory(resolve(outDirectory), write);
  return index;
}

// No fsync of hundreds of small files: the corpus can be made again at any time.
async function writeFiles(directory: string, files: readonly CaseFile[]): Promise<void> {
  for (const { path, bytes } of files) {
    const target = join(directory, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, bytes);
  }
}

/** Fills a folder beside its final place and moves it there. */
async function inNewDirectory(target: string, fill: (directory: string) => Promise<void>): Promise<void> {
  await refuseExisting(target);
  let work: string | undefined;
  try {
    work = await mkdtemp(join(dirname(target), `.${basename(target)}-`));
    await fill(work);
    await chmod(work, 0o755); // mkdtemp made it for its owner alone; what is in it is no secret
    await rename(work, target);
  } catch (error) {
    if (work !== undefined) await rm(work, { recursive: true, force: true });
    const code = systemCode(error);
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR') throw exists(target);
    throw ioError(error, target);
  }
}

/** Early, before seconds of work; the rename at the end refuses what appeared meanwhile. */
async function refuseExisting(target: string): Promise<void> {
  const stats = await lstat(target).catch(() => undefined);
  if (stats?.isSymbolicLink()) {
    throw new OtaError('OUTPUT_SYMLINK', `${escapeText(target)}: is a symbolic link, which is not followed`, [
      'Name the folder it points to.',
    ]);
  }
  const isEmptyFolder = stats?.isDirectory() && (await readdir(target).catch(() => ['?'])).length === 0;
  if (stats !== undefined && !isEmptyFolder) throw exists(target);
}

function exists(target: string): OtaError {
  return new OtaError('OUTPUT_EXISTS', `${escapeText(target)}: exists and is not an empty folder`, [
    'Name a folder that does not exist.',
  ]);
}
