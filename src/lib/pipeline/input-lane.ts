import type { JsonObject } from '../core/strict-json.js';
import type { LineChunk } from '../telemetry/line-chunk.js';
import type { Source } from '../telemetry/source.js';
import type { DecodedBatch } from './decoded-batch.js';

/** Most bytes of lines that wait in a lane: what is read and decoded while a batch is written. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;
const MAX_WAITING_CHUNKS = 1024;

/** A chunk that is being decoded. */
export interface WaitingChunk {
  readonly source: Source;
  readonly inputBytes: number;
  readonly firstLine: number;
  readonly position: JsonObject | undefined;
  readonly decoded: Promise<DecodedBatch>;
}

export interface LaneOptions {
  /** The chunks of a source from where it is to be read. */
  read(source: Source, signal: AbortSignal): AsyncIterable<LineChunk>;
  decode(chunk: LineChunk): Promise<DecodedBatch>;
  /** Called when a chunk came, or the last one. */
  onChange(): void;
}

/** Reads sources one after the other, ahead of whoever takes the chunks. */
export class InputLane {
  readonly #waiting: WaitingChunk[] = [];
  #waitingBytes = 0;
  #room: PromiseWithResolvers<void> | undefined;
  #hasEnded = false;
  #failure: { readonly error: unknown } | undefined;
  /** Resolves when nothing is read any more; never rejects. */
  readonly reading: Promise<void>;

  constructor(sources: readonly Source[], options: LaneOptions, signal: AbortSignal) {
    const wake = () => this.#room?.resolve();
    signal.addEventListener('abort', wake, { once: true });
    this.reading = this.#readAll(sources, options, signal)
      .catch((error: unknown) => {
        if (!signal.aborted) this.#failure = { error }; // whoever ends the reading needs no reason for it
      })
      .finally(() => {
        signal.removeEventListener('abort', wake);
        this.#hasEnded = true;
        options.onChange();
      });
  }

  /** The chunk that comes next; it stays. */
  get first(): WaitingChunk | undefined {
    return this.#waiting[0];
  }

  /**
   * Nothing waits, and nothing will.
   *
   * @throws what made reading end, once everything before it was taken
   */
  get isDone(): boolean {
    if (this.#waiting.length > 0 || !this.#hasEnded) return false;
    if (this.#failure !== undefined) throw this.#failure.error;
    return true;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Removes the first chunk, whose place another one may take. */
  take(): void {
    this.#waitingBytes -= this.#waiting.shift()?.inputBytes ?? 0;
    this.#room?.resolve();
  }

  /** Forgets what waits: it is read again by the next run. */
  drop(isDropped: (chunk: WaitingChunk) => boolean): void {
    const kept = this.#waiting.filter((chunk) => !isDropped(chunk));
    this.#waiting.splice(0, Number.POSITIVE_INFINITY, ...kept);
  }

  async #readAll(sources: readonly Source[], options: LaneOptions, signal: AbortSignal): Promise<void> {
    for (const source of sources) {
      if (signal.aborted) return;
      for await (const chunk of options.read(source, signal)) {
        const inputBytes = chunk.bytes.length; // before they may move to another thread
        const decoded = options.decode(chunk);
        decoded.catch(() => {}); // thrown where it is awaited
        this.#waiting.push({ source, inputBytes, firstLine: chunk.firstLine, position: chunk.position, decoded });
        this.#waitingBytes += inputBytes;
        options.onChange();
        await this.#whenRoom(signal);
      }
    }
  }

  async #whenRoom(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (this.#waitingBytes >= MAX_WAITING_BYTES || this.#waiting.length >= MAX_WAITING_CHUNKS)) {
      this.#room = Promise.withResolvers();
      await this.#room.promise;
    }
  }
}
