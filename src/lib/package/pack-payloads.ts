import { OtaError } from '../core/errors.js';
import { type FileAccess, openFile } from '../core/file-access.js';
import { ResourceStack } from '../core/resource-stack.js';
import { sha256OfAccess } from '../core/sha256.js';
import type { MakingPlan } from '../delta/plan/making-plan.js';
import type { ListedPayload } from './authenticate.js';
import { chooseChunkBytes } from './chunking.js';
import type { ImageHints } from './create-candidate.js';
import { planCandidates } from './delta-memory.js';
import type { DeltaSettings } from './delta-settings.js';
import { type MadeDelta, makeDelta } from './make-delta.js';
import { type ImageDigest, type PayloadEntry, type PayloadFormat, payloadFileName } from './metadata.js';
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
  hints?: ImageHints;
}

export interface MakePayloadsOptions {
  deltas: DeltaSettings;
  /** An empty folder that takes the patches. */
  workDirectory: string;
  signal?: AbortSignal;
  /** Called before a delta is made, with what that takes. @param file the payload */
  onPlan?: (file: string, plan: MakingPlan) => void;
  /** Bytes of new images that deltas were made for, of all there are. */
  onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** Payloads in the order of metadata; their files stay open until disposal. */
export interface MadePayloads extends AsyncDisposable {
  payloads: ListedPayload[];
  /** What was made for each base, in their order. */
  choices: BaseChoice[];
}

/** How a device with this base gets the new image. */
export interface BaseChoice {
  component: string;
  base: Omit<ImageDigest, 'version'> & { name: string; version?: string };
  /** `full` where no delta that devices apply is smaller. */
  format: PayloadFormat;
  /** What it downloads, bytes. */
  size: number;
  /** All deltas that were made for it, the smallest first. */
  made: MadeDelta[];
  /** The most memory that was announced for a delta that was tried, Node among it, bytes. */
  makingMemoryBytes: number;
  /** What would make it smaller, a sentence each; absent where there is nothing to say. */
  notes?: string[];
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
  const choices: BaseChoice[] = [];
  const progress = await deltaProgress(components, options);
  for (const input of components) {
    const made = await makeComponent(input, options, { open, progress });
    payloads.push(...made.payloads);
    choices.push(...made.choices);
  }
  const kept = open.move();
  return { payloads, choices, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
}

async function makeComponent(
  { component, target, bases, full, slotBytes, hints }: ComponentInput,
  { deltas, workDirectory, signal, onPlan }: MakePayloadsOptions,
  { open, progress }: { open: ResourceStack; progress: DeltaProgress },
): Promise<Pick<MadePayloads, 'payloads' | 'choices'>> {
  const targetFile = open.use(await openImage(target));
  if (slotBytes !== undefined && targetFile.size > slotBytes) {
    throw new OtaError(
      'DOES_NOT_FIT',
      `${target.name}: has ${targetFile.size} bytes, the slot of ${component} holds ${slotBytes}`,
    );
  }
  const targetDigest: ImageDigest = { version: target.version, ...(await digestOf(targetFile, signal)) };
  const payloads: ListedPayload[] = [];
  const choices: BaseChoice[] = [];
  const digested = await digestBases(bases, targetDigest, open, signal);
  // all are planned, and perhaps refused, before the first one is made
  const planned = digested.map((base) => ({
    ...base,
    plans: planCandidates(deltas, { baseBytes: base.digest.size, targetBytes: targetFile.size }),
  }));
  for (const { image, digest, plans } of planned) {
    const baseDigest = { ...(image.version === undefined ? {} : { version: image.version }), ...digest };
    const fileName = (format: PayloadFormat) => payloadFileName({ component, format, base: baseDigest });
    const { made, notes, makingMemoryBytes, chosen } = await makeDelta({
      ...(hints && { hints }),
      settings: deltas,
      candidates: plans.candidates,
      basePath: image.path,
      targetPath: target.path,
      targetBytes: targetFile.size,
      workDirectory,
      fileName,
      signal,
      onPlan: ({ format, plan }) => onPlan?.(fileName(format), plan),
      onProgress: (done) => progress.making(done * targetFile.size),
    });
    progress.made(targetFile.size);
    const base = { name: image.name, ...baseDigest };
    choices.push({
      component,
      base,
      format: 'full',
      size: targetFile.size,
      made,
      makingMemoryBytes,
      ...noted([...plans.notes, ...notes]),
      ...pick(chosen),
    });
    if (chosen === undefined) continue;
    const { format, applyMemoryBytes, storageBytes } = chosen;
    const data = open.use(await openFile(chosen.path));
    const identity = { component, format, file: fileName(format), base: baseDigest, target: targetDigest };
    payloads.push({ data, entry: await describe(identity, data, { applyMemoryBytes, storageBytes }, signal) });
  }
  if (full || payloads.length < bases.length || bases.length === 0) {
    const identity = {
      component,
      format: 'full',
      file: payloadFileName({ component, format: 'full' }),
      target: targetDigest,
    } as const;
    const needs = { applyMemoryBytes: chooseChunkBytes(targetFile.size), storageBytes: 0 };
    payloads.push({ data: targetFile, entry: await describe(identity, targetFile, needs, signal) });
  }
  return { payloads, choices };
}

/** Counts the deltas of all components as one piece of work. */
interface DeltaProgress {
  /** @param bytes of its new image that are done for the delta in work */
  making(bytes: number): void;
  made(bytes: number): void;
}

async function deltaProgress(
  components: readonly ComponentInput[],
  { onProgress }: MakePayloadsOptions,
): Promise<DeltaProgress> {
  let totalBytes = 0;
  for (const { target, bases } of components) {
    await using file = await openImage(target);
    totalBytes += file.size * bases.length;
  }
  let madeBytes = 0;
  return {
    making: (bytes) => onProgress?.(Math.floor(madeBytes + bytes), totalBytes),
    made: (bytes) => {
      madeBytes += bytes;
    },
  };
}

function noted(notes: string[]): Pick<BaseChoice, 'notes'> {
  return notes.length === 0 ? {} : { notes };
}

function pick(chosen: MadeDelta | undefined): Pick<MadeDelta, 'format' | 'size'> | undefined {
  return chosen && { format: chosen.format, size: chosen.size };
}

/** All are read before the first delta is made: a wrong one is known after seconds. */
async function digestBases(
  bases: readonly ImageInput[],
  target: ImageDigest,
  open: ResourceStack,
  signal: AbortSignal | undefined,
): Promise<{ image: ImageInput; digest: Omit<ImageDigest, 'version'> }[]> {
  const seen = new Map([[target.sha256, 'the new image']]);
  const digested = [];
  for (const image of bases) {
    const digest = await digestOf(open.use(await openImage(image)), signal);
    const same = seen.get(digest.sha256);
    if (same !== undefined) {
      throw new OtaError('USAGE', `${image.name}: is the same image as ${same}`, [
        'Give each base once, and none that equals the target.',
      ]);
    }
    seen.set(digest.sha256, image.name);
    digested.push({ image, digest });
  }
  return digested;
}

async function openImage({ name, path }: ImageInput): Promise<FileAccess> {
  const file = await openFile(path, { maxBytes: MAX_ENTRY_BYTES });
  if (file.size > 0) return file;
  await file.close();
  throw new OtaError('USAGE', `${name}: is empty, expected a firmware image`, [
    'Check that this is the file you meant.',
  ]);
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
