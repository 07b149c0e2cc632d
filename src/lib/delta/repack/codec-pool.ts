import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { entryPoint } from '../../core/entry-point.js';
import { OtaError } from '../../core/errors.js';
import type { CodecWorkerData } from './codec.worker.js';
import type { CodecJob, CodecResult, JobResult } from './codec-job.js';
import { NativeGate } from './native-gate.js';

/** Threads that pack and unpack at the same time. */
export const CODEC_THREADS = Math.min(2, availableParallelism());

/** What codecs leave behind are mostly buffers: more room for new objects would be memory, not speed. */
const YOUNG_HEAP_MIB = 6;

/** A stream that a codec cannot decode or encode as it was asked to. */
export class CodecError extends Error {
  /** The stream was good as far as its bytes went. */
  readonly endsEarly: boolean;

  constructor(message: string, options?: ErrorOptions & { endsEarly?: boolean }) {
    super(message, options);
    this.endsEarly = options?.endsEarly === true;
  }
}

interface Waiting {
  job: CodecJob;
  handOver: ArrayBuffer[];
  resolve: (result: CodecResult) => void;
  reject: (error: Error) => void;
}

/**
 * Runs codecs in threads of their own, started when the first job comes. What comes out depends on the job alone.
 * Disposal ends the threads; jobs that are under way are rejected.
 */
export class CodecPool implements AsyncDisposable {
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Waiting>();
  readonly #waiting: Waiting[] = [];
  readonly #gate: NativeGate;

  /** @param gate that native code in its threads passes; for whoever may end the thread of the pool itself */
  constructor(gate = new NativeGate()) {
    this.#gate = gate;
  }

  /**
   * @param handOver bytes of the job that the caller needs no more: they are not copied, and gone afterwards
   * @throws CodecError when the codec fails; OtaError TOOL_MISSING when its library is missing
   */
  run<Kind extends CodecResult['kind']>(
    job: CodecJob & { kind: Kind },
    handOver: readonly Uint8Array[] = [],
  ): Promise<CodecResult & { kind: Kind }> {
    const result = Promise.withResolvers<CodecResult>();
    this.#waiting.push({ job, handOver: handOver.flatMap(wholeBuffer), ...result });
    this.#next();
    return result.promise as Promise<CodecResult & { kind: Kind }>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const workers = [...this.#idle.splice(0), ...this.#busy.keys()];
    const ended = new CodecError('the threads that pack were ended');
    for (const { reject } of [...this.#busy.values(), ...this.#waiting.splice(0)]) reject(ended);
    this.#busy.clear();
    await this.#gate.close();
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  #next(): void {
    const worker = this.#idle.pop() ?? (this.#busy.size < CODEC_THREADS ? this.#start() : undefined);
    const next = worker && this.#waiting.shift();
    if (worker === undefined) return;
    if (next === undefined) this.#idle.push(worker);
    else {
      this.#busy.set(worker, next);
      worker.ref();
      worker.postMessage(next.job, next.handOver);
    }
  }

  #start(): Worker {
    const workerData: CodecWorkerData = { gate: this.#gate.memory };
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_HEAP_MIB };
    const worker = new Worker(entryPoint('delta/repack/codec.worker'), { workerData, resourceLimits });
    worker.on('message', (result: JobResult) => {
      const waiting = this.#busy.get(worker);
      this.#busy.delete(worker);
      this.#idle.push(worker);
      worker.unref(); // an idle thread must not keep the process alive
      if (waiting !== undefined) settle(waiting, result);
      this.#next();
    });
    worker.on('error', (error) => {
      const waiting = this.#busy.get(worker);
      this.#busy.delete(worker);
      waiting?.reject(new CodecError('a thread that packs ended before it was done', { cause: error }));
      if (this.#waiting.length > 0) this.#next();
    });
    return worker;
  }
}

/** A buffer can be handed over only where nothing else lies in it. */
function wholeBuffer(bytes: Uint8Array): ArrayBuffer[] {
  if (bytes.byteLength === 0 || bytes.byteLength !== bytes.buffer.byteLength) return [];
  return bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : [];
}

function settle({ resolve, reject }: Waiting, result: JobResult): void {
  if (result.kind !== 'failure') resolve(result);
  else if (result.code === undefined) reject(new CodecError(result.message, result));
  else reject(new OtaError(result.code, result.message, result.suggestions));
}
