import { type MessagePort, Worker } from 'node:worker_threads';
import { entryPoint } from '../../core/entry-point.js';
import { type ErrorCode, OtaError } from '../../core/errors.js';

/** Functions that another thread answers, by name. */
export type ThreadApi = { readonly [name: string]: (argument: never) => unknown };

interface Request {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

type Reply = { readonly id: number } & ({ readonly result: unknown } | { readonly failure: Failure });

interface Failure {
  /** Of an OtaError. */
  readonly code: ErrorCode | undefined;
  readonly message: string;
}

/** Calls the functions of a thread; each call has its answer, in whatever order they come. */
export class CalledThread<Api extends ThreadApi> {
  readonly #worker: Worker;
  readonly #calls = new Map<number, PromiseWithResolvers<unknown>>();
  #nextId = 1;
  #ended: Error | undefined;

  /**
   * @param path see entryPoint
   * @param onNews told what the thread posts as `{ news }` without being asked
   */
  constructor(path: string, workerData: unknown, onNews?: (news: unknown) => void) {
    this.#worker = new Worker(entryPoint(path), { workerData });
    this.#worker.unref();
    this.#worker.on('message', (reply: Reply | { readonly news: unknown }) => {
      if ('news' in reply) onNews?.(reply.news);
      else this.#answer(reply);
    });
    this.#worker.on('error', (error) => this.#end(error as Error));
    this.#worker.on('exit', () => this.#end(new Error(`the thread ${path} ended`)));
  }

  /** @throws OtaError what the function throws; the error that ended the thread */
  async call<Name extends keyof Api & string>(
    name: Name,
    argument: Parameters<Api[Name]>[0],
    transfer: ArrayBuffer[] = [],
  ): Promise<Awaited<ReturnType<Api[Name]>>> {
    if (this.#ended !== undefined) throw this.#ended;
    const id = this.#nextId++;
    const answer = Promise.withResolvers<unknown>();
    this.#calls.set(id, answer);
    if (this.#calls.size === 1) this.#worker.ref(); // while it works, it keeps the process alive
    this.#worker.postMessage({ id, name, argument } satisfies Request, transfer);
    return (await answer.promise) as Awaited<ReturnType<Api[Name]>>;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #answer(reply: Reply): void {
    const answer = this.#calls.get(reply.id);
    this.#calls.delete(reply.id);
    if (this.#calls.size === 0) this.#worker.unref();
    if ('result' in reply) answer?.resolve(reply.result);
    else answer?.reject(errorOf(reply.failure));
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const answer of this.#calls.values()) answer.reject(this.#ended);
    this.#calls.clear();
  }
}

function errorOf({ code, message }: Failure): Error {
  return code === undefined ? new Error(message) : new OtaError(code, message);
}

/** The other side: answers calls with the functions of `api`, several at a time where they wait. */
export function answerCalls(port: MessagePort, api: ThreadApi): void {
  port.on('message', ({ id, name, argument }: Request) => {
    const run = async () => await api[name]!(argument as never);
    run().then(
      (result) => port.postMessage({ id, result } satisfies Reply, transferOf(result)),
      (error: unknown) => port.postMessage({ id, failure: failureOf(error) } satisfies Reply),
    );
  });
}

/** A result whose member `bytes` fills its buffer changes hands without a copy. */
function transferOf(result: unknown): ArrayBuffer[] {
  const bytes = (result as { bytes?: unknown } | undefined)?.bytes;
  if (!(bytes instanceof Uint8Array) || bytes.byteLength !== bytes.buffer.byteLength) return [];
  return [bytes.buffer as ArrayBuffer];
}

function failureOf(error: unknown): Failure {
  if (error instanceof OtaError) return { code: error.code, message: error.message };
  return { code: undefined, message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
