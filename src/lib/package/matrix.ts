import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { abortError } from '../core/abort.js';
import { type ErrorCode, OtaError } from '../core/errors.js';
import { openFile } from '../core/file-access.js';
import { openPrivateDirectory } from '../core/private-directory.js';
import { sha256OfAccess } from '../core/sha256.js';
import type { DeltaFormat } from '../delta/formats.js';
import { SHARED_BYTES } from '../delta/plan/process-memory.js';
import { type BoundedJob, runBounded } from './bounded-jobs.js';
import { chooseChunkBytes } from './chunking.js';
import { createCandidate, type ImageHints } from './create-candidate.js';
import { ownMemoryBytes } from './delta-memory.js';
import type { DeltaSettings } from './delta-settings.js';
import { chooseCell, type MatrixCell, type MatrixReport, type MatrixRow } from './matrix-report.js';

/** An image as a person calls it, and where it is. */
interface NamedFile {
  name: string;
  path: string;
}

export interface MatrixRequest {
  bases: readonly NamedFile[];
  target: NamedFile;
  /** Formats of deltas to make, in the order of the columns. */
  formats: readonly DeltaFormat[];
  settings: DeltaSettings;
  hints?: ImageHints;
  /** What a device may have to download at most, bytes. */
  budgetBytes?: number;
  /** Deltas that are made at the same time, at most. */
  atOnce: number;
  /** What these may take together, bytes. */
  memoryBytes: number;
  /** For the times of the report, ms. */
  now: () => number;
  signal?: AbortSignal;
  /** Bytes of new images that deltas were made for, of all there are. */
  onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** Failures of one delta that say something about it, and leave the others worth making. */
const CELL_FAILURES: ReadonlySet<ErrorCode> = new Set(['USAGE', 'TOOL_MISSING', 'TOOL_FAILED', 'LIMIT_EXCEEDED']);

/**
 * Makes every delta from every base to one image, to compare them. They are thrown away.
 *
 * @throws OtaError USAGE: no base is left; LIMIT_EXCEEDED: no delta is possible
 *   within the limits; NOT_FOUND, PERMISSION_DENIED, IO_FAILED, NO_SPACE, INTERRUPTED, TERMINATED
 */
export async function measureMatrix(request: MatrixRequest): Promise<MatrixReport> {
  const { target, formats, settings, budgetBytes, signal } = request;
  const targetDigest = await digestOf(target, signal);
  const bases: (NamedFile & Digest)[] = [];
  for (const base of request.bases) bases.push({ ...base, ...(await digestOf(base, signal)) });
  const others = bases.filter(({ sha256 }) => sha256 !== targetDigest.sha256);
  const distinct = others.filter((base, at) => others.findIndex(({ sha256 }) => sha256 === base.sha256) === at);
  if (distinct.length === 0) {
    throw new OtaError('USAGE', `${target.name}: every --from is this very image`, [
      'Name the images that devices run.',
    ]);
  }
  await using work = await openPrivateDirectory();
  const cells = await measureAll(request, distinct, targetDigest.size, work.path);
  requireSomeWithinLimits(cells.flat());
  const rows = distinct.map(({ name, size, sha256 }, at): MatrixRow => {
    const row = [fullCell(targetDigest.size, settings), ...cells[at]!];
    const chosen = chooseCell(row);
    const isOverBudget = budgetBytes !== undefined && (chosen?.size ?? Number.POSITIVE_INFINITY) > budgetBytes;
    return { base: { name, size, sha256 }, cells: row, ...(chosen && { chosen }), isOverBudget };
  });
  return {
    target: { name: target.name, ...targetDigest },
    formats: [...formats],
    deviceFormats: [...settings.deviceFormats],
    ...(budgetBytes !== undefined && { budgetBytes }),
    rows,
    skipped: bases.filter((base) => !distinct.includes(base)).map(({ name }) => name),
  };
}

interface Digest {
  /** Bytes. */
  size: number;
  sha256: string;
}

async function measureAll(
  request: MatrixRequest,
  bases: readonly (NamedFile & Digest)[],
  targetBytes: number,
  workDirectory: string,
): Promise<MatrixCell[][]> {
  const { formats, settings, atOnce, memoryBytes, signal, onProgress } = request;
  const cells = bases.map((): MatrixCell[] => []);
  const doneBytes = new Map<BoundedJob, number>();
  const jobs = bases.flatMap((base, row) =>
    formats.map((format, column) => {
      const job: BoundedJob = {
        memoryBytes: ownMemoryBytes(format, { baseBytes: base.size, targetBytes }, settings),
        run: async (jobSignal) => {
          const advance = (fraction: number) => {
            doneBytes.set(job, fraction * targetBytes);
            onProgress?.(
              [...doneBytes.values()].reduce((sum, bytes) => sum + bytes, 0),
              jobs.length * targetBytes,
            );
          };
          const outPath = join(workDirectory, `${row}.${format}`);
          cells[row]![column] = await measureCell({ ...request, base, format, outPath, signal: jobSignal }, advance);
          advance(1);
        },
      };
      return job;
    }),
  );
  await runBounded(jobs, { atOnce, memoryBytes: memoryBytes - SHARED_BYTES, ...(signal && { signal }) });
  return cells;
}

async function measureCell(
  {
    base,
    target,
    format,
    settings,
    hints,
    outPath,
    now,
    signal,
  }: MatrixRequest & {
    base: NamedFile & Digest;
    format: DeltaFormat;
    outPath: string;
    signal: AbortSignal;
  },
  onProgress: (doneFraction: number) => void,
): Promise<MatrixCell> {
  const accepted = settings.deviceFormats.includes(format);
  const began = now();
  try {
    const paths = { basePath: base.path, targetPath: target.path, outPath };
    const created = await createCandidate({ ...paths, format, settings, ...(hints && { hints }), signal, onProgress });
    await rm(outPath);
    return { format, accepted, ...created, seconds: Math.round(now() - began) / 1000 };
  } catch (error) {
    if (signal.aborted) throw abortError(signal);
    if (!(error instanceof OtaError) || !CELL_FAILURES.has(error.code)) throw error;
    return { format, accepted, why: { code: error.code, message: error.message } };
  }
}

/** A table of nothing but refusals compares nothing. */
function requireSomeWithinLimits(cells: readonly MatrixCell[]): void {
  const refusals = cells.flatMap((cell) => ('why' in cell && cell.why.code === 'LIMIT_EXCEEDED' ? [cell.why] : []));
  const [first] = refusals;
  if (first === undefined || refusals.length < cells.length) return;
  throw new OtaError(first.code, `no delta can be made: ${first.message}`, ['Allow more with --max-memory.']);
}

function fullCell(size: number, { deviceFormats }: DeltaSettings): MatrixCell {
  const needs = { applyMemoryBytes: chooseChunkBytes(size), storageBytes: 0 };
  return { format: 'full', accepted: deviceFormats.includes('full'), size, seconds: 0, ...needs };
}

async function digestOf({ name, path }: NamedFile, signal: AbortSignal | undefined): Promise<Digest> {
  await using file = await openFile(path);
  if (file.size === 0)
    throw new OtaError('USAGE', `${name}: is empty, expected a firmware image`, [
      'Check that this is the file you meant.',
    ]);
  return { size: file.size, sha256: await sha256OfAccess(file, { ...(signal && { signal }) }) };
}
