import { throwIfAborted } from '../core/abort.js';
import { openAtomicFile } from '../core/atomic-file.js';
import { openFile } from '../core/file-access.js';
import type { RandomAccess } from '../core/random-access.js';
import { applyMemoryBytes } from './apply-memory.js';
import { bsdiffProducer } from './bsdiff/bsdiff-producer.js';
import { type CreateDeltaOptions, type CreatedDelta, type DeltaFormat, MAX_IMAGE_BYTES } from './formats.js';
import { spaceBytes } from './inplace/apply-in-place.js';
import { inspectPatch } from './inspect-patch.js';
import { isOtad } from './otad/otad-layout.js';
import { produceOtad } from './otad/otad-producer.js';
import { produceRepacked } from './otad/repack-producer.js';
import { repackedNeeds } from './otad/repacked-needs.js';
import { makingPlan } from './plan/making-plan.js';
import { requireRepackingWithin } from './plan/repack-plan.js';
import { proveInPlace } from './prove-in-place.js';
import { provePatch } from './prove-patch.js';
import { type ProvenStream, ProvenStreams } from './repack/proven-streams.js';
import type { ProducerJob } from './worker-patch.js';

type Producer = (job: ProducerJob) => AsyncIterable<Uint8Array> | Promise<Iterable<Uint8Array>>;

const PRODUCERS: Record<DeltaFormat, Producer> = {
  otad: produceOtad,
  'otad-inplace': produceOtad,
  'otad-repack': produceRepacked,
  bsdf2: bsdiffProducer('bsdf2'),
  bsdiff40: bsdiffProducer('bsdiff40'),
};

/** Share of the time that making the patch takes; proving it takes the rest. */
const PRODUCING_SHARE = 0.98;

/**
 * Makes a patch that turns one image into another, and proves it.
 *
 * Nothing appears at `outPath` before the patch was applied and gave exactly
 * the target image.
 *
 * @throws OtaError NOT_FOUND, PERMISSION_DENIED, IO_FAILED, NO_SPACE for the files; OUTPUT_EXISTS;
 *   LIMIT_EXCEEDED for images over 2 GiB − 1 or too little memory; TOOL_MISSING without a library that
 *   the patch needs, TOOL_FAILED when one fails or the patch is not right; INTERRUPTED, TERMINATED
 */
export async function createDelta(options: CreateDeltaOptions): Promise<CreatedDelta> {
  const { format, basePath, targetPath, outPath, signal, onProgress = () => undefined, ...choices } = options;
  await using base = await openFile(basePath, { maxBytes: MAX_IMAGE_BYTES });
  await using target = await openFile(targetPath, { maxBytes: MAX_IMAGE_BYTES });
  const plan = makingPlan(format, { baseBytes: base.size, targetBytes: target.size }, choices);
  await using out = await openAtomicFile(outPath, { signal });

  const onProduced = (done: number) => onProgress(done * PRODUCING_SHARE);
  const notes = plan.economies.map((clause) => `To spare memory, ${clause}.`);
  const onNote = (sentence: string) => notes.push(sentence);
  let proven: ProvenStreams | undefined;
  const onProven = (streams: ProvenStream[]) => {
    proven = new ProvenStreams(streams, target);
  };
  const job = { base, target, choices, signal, onProgress: onProduced, onNote, onProven };
  for await (const piece of await PRODUCERS[format](job)) {
    await out.write(piece);
  }

  await using written = await openFile(out.path);
  const patch = { ...written, name: outPath };
  if (format === 'otad-repack') {
    const { memoryBytes } = await repackedNeeds(await inspectPatch(format, patch), outPath);
    requireRepackingWithin({ baseBytes: base.size, targetBytes: target.size }, memoryBytes, choices);
  }
  const onProved = (done: number) => onProgress(PRODUCING_SHARE + done * (1 - PRODUCING_SHARE));
  if (format === 'otad-inplace') {
    await proveInPlace(
      { patch, base, copyPath: `${outPath}.slot`, ...(signal === undefined ? {} : { signal }) },
      target,
      onProved,
    );
  } else {
    await provePatch({ format, patch, base, signal, ...(proven && { proven }) }, target, onProved);
  }
  const layout = await inspectPatch(format, patch);
  throwIfAborted(signal);
  const { repackedBytes, ...repacking } = await repackedNeeds(layout, outPath);
  const memoryBytes = (await applyMemoryBytes(patch, layout, base.size)) + repacking.memoryBytes;
  const allStorageBytes = (await storageBytes(format, patch)) + repacking.storageBytes;
  const { size } = await out.commit();
  return {
    size,
    applyMemoryBytes: memoryBytes,
    storageBytes: allStorageBytes,
    makingMemoryBytes: plan.memoryBytes,
    ...(repackedBytes !== undefined && { repackedBytes }),
    ...(notes.length > 0 && { notes }),
  };
}

/** Of the formats that can be read from front to back, only an update in place needs storage: behind the image. */
async function storageBytes(format: DeltaFormat, patch: RandomAccess): Promise<number> {
  if (format === 'otad-inplace') return await spaceBytes(patch);
  return isOtad(format) ? 0 : patch.size;
}
