import { join } from 'node:path';
import { OtaError } from '../core/errors.js';
import { type FileAccess, openFile } from '../core/file-access.js';
import { ResourceStack } from '../core/resource-stack.js';
import { sha256OfAccess } from '../core/sha256.js';
import { createDelta } from '../delta/create-delta.js';
import type { DeltaFormat } from '../delta/formats.js';
import type { ListedPayload } from './authenticate.js';
import { chooseChunkBytes } from './chunking.js';
import { type ImageDigest, type PayloadEntry, payloadFileName } from './metadata.js';
import { hashPayload } from './payload-hash.js';
import { MAX_ENTRY_BYTES } from './ustar.js';

/** One image file and its version, where the publisher tells it. */
export interface ImageInput {
  /** What a person would call it: a path, an address, stdin. */
  name: string;
  path: string;
  version?: string;
}

/** What one component is updated from and to. */
export interface ComponentInput {
  component: string;
  target: ImageInput & { version: string };
  bases: readonly ImageInput[];
  /** Carry the image itself too. Always so where there is no base. */
  full: boolean;
  /** What its slot holds on a device, bytes. */
  slotBytes?: number;
}

export interface MakePayloadsOptions {
  format: DeltaFormat;
  /** An empty folder that takes the patches. */
  workDirectory: string;
  signal?: AbortSignal;
  /** @param file the payload being made; done and total count bytes of its target */
  onProgress?: (file: string, doneBytes: number, totalBytes: number) => void;
}

/** Payloads in the order of metadata; their files stay open until disposal. */
export interface MadePayloads extends AsyncDisposable {
  payloads: ListedPayload[];
}

/**
 * Makes the deltas and full images of a release: for each component first its deltas in the
 * order of its bases, then the full image.
 *
 * @throws OtaError DOES_NOT_FIT (slot), USAGE (a base given twice or equal to the target),
 *   as `createDelta`, NOT_FOUND, PERMISSION_DENIED, IO_FAILED
 */
export async function makePayloads(
  components: readonly ComponentInput[],
  options: MakePayloadsOptions,
): Promise<MadePayloads> {
  await using open = new ResourceStack();
  const payloads: ListedPayload[] = [];
  for (const input of components) payloads.push(...(await makeComponent(input, options, open)));
  const kept = open.move();
  return { payloads, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
}

async function makeComponent(
  { component, target, bases, full, slotBytes }: ComponentInput,
  { format, workDirectory, signal, onProgress }: MakePayloadsOptions,
  open: ResourceStack,
): Promise<ListedPayload[]> {
  const targetFile = open.use(await openImage(target));
  if (slotBytes !== undefined && targetFile.size > slotBytes) {
    throw new OtaError(
      'DOES_NOT_FIT',
      `${target.name}: has ${targetFile.size} bytes, the slot of ${component} holds ${slotBytes}`,
    );
  }
  const targetDigest: ImageDigest = { version: target.version, ...(await digestOf(targetFile, signal)) };
  const made: ListedPayload[] = [];
  const seen = new Map([[targetDigest.sha256, 'the new image']]);
  for (const base of bases) {
    const digest = await digestOf(open.use(await openImage(base)), signal);
    const same = seen.get(digest.sha256);
    if (same !== undefined) {
      throw new OtaError('USAGE', `${base.name}: is the same image as ${same}`, [
        'Give each base once, and none that equals the target.',
      ]);
    }
    seen.set(digest.sha256, base.name);
    const baseDigest = { ...(base.version === undefined ? {} : { version: base.version }), ...digest };
    const file = payloadFileName({ component, format, base: baseDigest });
    const outPath = join(workDirectory, file);
    const { size, applyMemoryBytes } = await createDelta({
      format,
      basePath: base.path,
      targetPath: target.path,
      outPath,
      signal,
      onProgress: (fraction) => onProgress?.(file, Math.floor(fraction * targetFile.size), targetFile.size),
    });
    const data = open.use(await openFile(outPath));
    const identity = { component, format, file, base: baseDigest, target: targetDigest };
    made.push({ data, entry: await describe(identity, data, { applyMemoryBytes, storageBytes: size }, signal) });
  }
  if (full || bases.length === 0) {
    const identity = {
      component,
      format: 'full',
      file: payloadFileName({ component, format: 'full' }),
      target: targetDigest,
    } as const;
    const needs = { applyMemoryBytes: chooseChunkBytes(targetFile.size), storageBytes: 0 };
    made.push({ data: targetFile, entry: await describe(identity, targetFile, needs, signal) });
  }
  return made;
}

async function openImage({ name, path }: ImageInput): Promise<FileAccess> {
  const file = await openFile(path, { maxBytes: MAX_ENTRY_BYTES });
  if (file.size > 0) return file;
  await file.close();
  throw new OtaError('USAGE', `${name}: is empty, expected a firmware image`);
}

async function digestOf(image: FileAccess, signal: AbortSignal | undefined): Promise<{ size: number; sha256: string }> {
  return { size: image.size, sha256: await sha256OfAccess(image, { signal }) };
}

async function describe(
  identity: Pick<PayloadEntry, 'component' | 'format' | 'file' | 'base' | 'target'>,
  data: FileAccess,
  needs: Pick<PayloadEntry, 'applyMemoryBytes' | 'storageBytes'>,
  signal: AbortSignal | undefined,
): Promise<PayloadEntry> {
  const chunkBytes = chooseChunkBytes(data.size);
  const { sha256, chunkSha256 } = await hashPayload(data, chunkBytes, { signal });
  return { ...identity, size: data.size, sha256, chunkBytes, chunkSha256, ...needs };
}
