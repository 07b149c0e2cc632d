import { type Transferable, Worker } from 'node:worker_threads';
import { abortError, throwIfAborted } from '../core/abort.js';
import { entryPoint } from '../core/entry-point.js';
import { OtaError } from '../core/errors.js';
import type { RandomAccess } from '../core/random-access.js';
import type { CreateDeltaOptions } from './formats.js';
import type { ProvenStream } from './repack/proven-streams.js';

/** Making patches leaves few objects behind: more room for new ones would be memory, not speed. */
const YOUNG_HEAP_MIB = 4;

/** What a producer gets to work with. */
export interface ProducerJob {
  base: RandomAccess;
  target: RandomAccess;
  choices: Pick<CreateDeltaOptions, 'coder' | 'effort' | 'maxMemoryBytes' | 'machine' | 'baseAddress' | 'inPlace'>;
  signal?: AbortSignal;
  onProgress: (doneFraction: number) => void;
  /** Takes what a publisher should know of the patch, a sentence each time. */
  onNote: (sentence: string) => void;
  /** Takes the streams of the new image that were packed again to make the patch. */
  onProven: (streams: ProvenStream[]) => void;
}

/** What the worker of a producer sends: the share done, now and then, and at the end the patch, or what a user is told. */
export type PatchMessage =
  | { doneFraction: number }
  | { patch: Uint8Array[] }
  | { failure: Pick<OtaError, 'code' | 'message' | 'suggestions'> };

interface WorkerJob {
  workerData: unknown;
  transferList?: Transferable[];
  signal: AbortSignal | undefined;
  onProgress: (doneFraction: number) => void;
}

/**
 * Runs a worker that makes a patch, so that the caller stays awake, and ends it in any case.
 *
 * @param entry as for {@link entryPoint}
 * @returns the patch in pieces
 */
export async function patchFromWorker(
  entry: string,
  { workerData, transferList = [], signal, onProgress }: WorkerJob,
): Promise<Uint8Array[]> {
  throwIfAborted(signal); // raised while the images were read: the listener would come too late
  const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_HEAP_MIB };
  const worker = new Worker(entryPoint(entry), { workerData, transferList, resourceLimits });
  const patch = Promise.withResolvers<Uint8Array[]>();
  const onAbort = () => patch.reject(abortError(signal!));
  signal?.addEventListener('abort', onAbort, { once: true });
  worker.on('message', (message: PatchMessage) => {
    if ('patch' in message) patch.resolve(message.patch);
    else if ('failure' in message) patch.reject(fromWorker(message.failure));
    else onProgress(message.doneFraction);
  });
  worker.on('error', patch.reject);
  worker.on('exit', (status) =>
    patch.reject(new Error(`the delta worker ended with status ${status} before its patch`)),
  );
  try {
    return await patch.promise;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await worker.terminate();
  }
}

/** The buffers of a patch that are its own: they are handed over to another thread, not copied. */
export function ownBuffers(patch: readonly Uint8Array[]): ArrayBuffer[] {
  const whole = patch.filter(({ buffer, byteLength }) => byteLength > 0 && byteLength === buffer.byteLength);
  return [...new Set(whole.flatMap(({ buffer }) => (buffer instanceof ArrayBuffer ? [buffer] : [])))];
}

/** A failure as its worker sends it: the class of an error does not outlive the way to another thread. */
export function failureMessage(error: unknown): PatchMessage {
  if (!(error instanceof OtaError)) throw error; // reaches the producer as an error of the worker
  return { failure: { code: error.code, message: error.message, suggestions: error.suggestions } };
}

function fromWorker({ code, message, suggestions }: Pick<OtaError, 'code' | 'message' | 'suggestions'>): OtaError {
  return new OtaError(code, message, suggestions);
}

/** Tells a failure for want of memory in words that help; others stay as they are. */
export function memoryError(error: unknown, { base, target }: Pick<ProducerJob, 'base' | 'target'>): unknown {
  if (!isShortOfMemory(error)) return error;
  return new OtaError(
    'LIMIT_EXCEEDED',
    `${target.name}: not enough memory for a delta between images of ${base.size} and ${target.size} bytes`,
    ['Allow less with --max-memory, which chooses a cheaper matcher.', 'Run on a machine with more memory.'],
    { cause: error },
  );
}

/** Whether a failure says that memory did not suffice. */
function isShortOfMemory(error: unknown): boolean {
  return (
    (error instanceof RangeError && /allocation failed|Invalid (typed )?array( buffer)? length/i.test(error.message)) ||
    (error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY')
  );
}
