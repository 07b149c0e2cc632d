import { lstat, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncDirectory } from '../../core/atomic-file.js';
import { OtaError } from '../../core/errors.js';
import { region } from '../../core/file-access.js';
import { ioError, systemCode } from '../../core/io-error.js';
import type { RandomAccess } from '../../core/random-access.js';
import { sha256OfAccess } from '../../core/sha256.js';
import { escapeText } from '../../core/text.js';
import { applyPlain } from '../apply-plain.js';
import { requireTargetSize } from '../bsdiff/patch-header.js';
import { inspectPatch } from '../inspect-patch.js';
import { blockDeviceAt, openStorage, type Storage } from '../storage.js';
import { doubtingBase } from './device-advice.js';
import type { ApplyOptions } from './options.js';
import { updateSlot } from './update-slot.js';
import { requirePatch, requireTarget, requiringTarget, verifiedBase } from './verify-images.js';
import { type WrittenImage, writeImage } from './write-image.js';

/**
 * Applies a patch to a file or block device, and verifies both images.
 *
 * @throws OtaError with the status that the applier ends with
 */
export async function applyPatch(options: ApplyOptions, signal: AbortSignal): Promise<WrittenImage> {
  await using patch = await openStorage(options.patchPath, 'read');
  await requirePatch(patch, options, signal);
  if (options.inPlace) return await updateSlot(options, patch, signal);
  const isDevice = (await blockDeviceAt(options.outPath)) !== undefined;
  if (!isDevice && (await holdsTarget(options, signal))) return { writtenBytes: 0, keptBytes: options.targetSize };
  await using base = await openStorage(options.basePath, 'read');
  const image = await verifiedBase(options, patch, base, signal);
  return isDevice
    ? await ontoDevice(options, { patch, base, image }, signal)
    : await ontoFile(options, { patch, base, image }, signal);
}

interface Sources {
  patch: Storage;
  base: Storage;
  /** The old image: the first bytes of `base`. */
  image: RandomAccess;
}

async function ontoDevice(options: ApplyOptions, sources: Sources, signal: AbortSignal): Promise<WrittenImage> {
  await using out = await openStorage(options.outPath, 'write');
  if (out.identity === sources.base.identity) {
    throw new OtaError('USAGE', `${out.name}: is the base itself, which the patch still has to read`, [
      'Name another slot, or have a patch made for --in-place.',
    ]);
  }
  if (out.size < options.targetSize) {
    throw new OtaError('DOES_NOT_FIT', `${out.name}: has ${out.size} bytes, the image ${options.targetSize}`, [
      'Name a slot that is large enough.',
    ]);
  }
  return await writeVerified(options, sources, out, signal);
}

/** Written aside, and given its name once it is known to be right. */
async function ontoFile(options: ApplyOptions, sources: Sources, signal: AbortSignal): Promise<WrittenImage> {
  const aside = `${options.outPath}.part`;
  let written: WrittenImage;
  {
    await using out = await openStorage(aside, 'create');
    requireOther(out, sources);
    try {
      if (!options.resume) await out.resize(0);
      written = await writeVerified(options, sources, out, signal);
      await out.resize(options.targetSize);
      await out.sync();
    } catch (error) {
      if (!options.resume) await unlink(aside).catch(() => {}); // the failure that led here is the one to report
      throw error;
    }
  }
  await rename(aside, options.outPath).catch((error: unknown) => {
    throw ioError(error, options.outPath);
  });
  await syncDirectory(dirname(options.outPath));
  return written;
}

/** The file written aside is emptied and removed again: it must not be one that is read, under whatever name. */
function requireOther(out: Storage, { patch, base }: Sources): void {
  for (const [source, role] of [
    [base, 'base'],
    [patch, 'patch'],
  ] as const) {
    if (out.identity !== source.identity) continue;
    throw new OtaError('USAGE', `${out.name}: is the ${role}, and would be written over to make the image`, [
      `Rename the ${role}, or name another --out.`,
    ]);
  }
}

async function writeVerified(
  { format, targetSize, targetSha256, baseSha256, resume: keep }: ApplyOptions,
  { patch, image }: Sources,
  out: Storage,
  signal: AbortSignal,
): Promise<WrittenImage> {
  requireTargetSize(await inspectPatch(format, patch), targetSize, patch.name); // whatever the base is
  const application = { format, patch, base: image, targetSize, signal };
  try {
    if (out.isBlockDevice) {
      const written = await writeImage(applyPlain(application), out, { keep, signal });
      await requireTarget(region(out, out.name, 0, targetSize), targetSha256, signal);
      return written;
    }
    // Nobody uses a file aside: where the base is known to be right, the hash of the whole says all that those of chunks do.
    const pieces = applyPlain({ ...application, checkChunks: baseSha256 === undefined });
    return await writeImage(requiringTarget(pieces, out.name, targetSha256), out, { keep, signal });
  } catch (error) {
    throw baseSha256 === undefined ? doubtingBase(error, image.name) : error;
  }
}

/** A run that was cut between giving the file its name and ending has nothing left to do. */
async function holdsTarget({ outPath, targetSize, targetSha256, resume }: ApplyOptions, signal: AbortSignal) {
  const found = await statOrAbsent(outPath);
  if (found === undefined) return false;
  if (!found.isFile() || resume) {
    await using there = await openStorage(outPath, 'write'); // refuses what is no file
    if (there.size === targetSize && (await sha256OfAccess(there, { signal })) === targetSha256) return true;
  }
  throw new OtaError('OUTPUT_EXISTS', `${escapeText(outPath)}: already exists`, ['Name another file, or remove it.']);
}

async function statOrAbsent(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw ioError(error, path);
  }
}
