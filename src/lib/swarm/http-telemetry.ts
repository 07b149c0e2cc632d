import { type Dispatcher, request } from 'undici';
import type { Pacing } from '../net/pacing.js';
import type { Tally } from './tally.js';
import type { TelemetryLink } from './telemetry-link.js';
import type { DeviceMessage } from './telemetry-message.js';

export interface HttpTelemetryOptions {
  /** Where messages of a device are posted to, and with what authority: an operator's for all, or the device's own. */
  addressOf(device: string): { url: URL; authorization: string };
  dispatcher: Dispatcher;
  time: Pacing;
  tally: Tally;
  signal: AbortSignal;
}

/** Messages in one request, and requests at the same time, at most. */
const BATCH_MESSAGES = 500;
const MAX_REQUESTS = 4;
/** Messages that may wait, at most: the oldest are dropped when a server takes none for long. */
const MAX_WAITING = 100_000;

/** What goes to one address. */
interface Batch {
  readonly url: URL;
  readonly authorization: string;
  readonly lines: string[];
  attempts: number;
}

/** Posts messages as NDJSON; a batch that was not taken is posted again, with the same ids. */
export class HttpTelemetry implements TelemetryLink {
  readonly #options: HttpTelemetryOptions;
  readonly #open = new Map<string, Batch>();
  #ready: Batch[] = [];
  readonly #underway = new Set<Promise<void>>();
  #waiting = 0;

  constructor(options: HttpTelemetryOptions) {
    this.#options = options;
  }

  send({ device, line }: DeviceMessage): void {
    const { url, authorization } = this.#options.addressOf(device);
    const batch = this.#open.get(url.href) ?? { url, authorization, lines: [], attempts: 0 };
    this.#open.set(url.href, batch);
    batch.lines.push(line);
    this.#waiting++;
    if (batch.lines.length >= BATCH_MESSAGES) this.#close(batch);
    this.#limit();
    if (this.#ready.length > 0) this.#start();
  }

  flush(): void {
    for (const batch of [...this.#open.values()]) this.#close(batch);
    this.#start();
  }

  async close(): Promise<void> {
    this.flush();
    // Each request ends by itself, if only because it took too long.
    while (this.#underway.size > 0) await Promise.all(this.#underway);
  }

  #close(batch: Batch): void {
    this.#open.delete(batch.url.href);
    this.#ready.push(batch);
  }

  #limit(): void {
    while (this.#waiting > MAX_WAITING) {
      const oldest = this.#ready.shift();
      if (oldest === undefined) return;
      this.#waiting -= oldest.lines.length;
      this.#options.tally.telemetry.dropped += oldest.lines.length;
    }
  }

  #start(): void {
    while (this.#underway.size < MAX_REQUESTS && this.#ready.length > 0) {
      const batch = this.#ready.shift()!;
      const posting: Promise<void> = this.#post(batch).then((wasTaken) => {
        this.#underway.delete(posting);
        if (wasTaken) this.#start();
      });
      this.#underway.add(posting);
    }
  }

  /** @returns whether the server took it; else it waits for the next flush */
  async #post(batch: Batch): Promise<boolean> {
    const { dispatcher, time, tally, signal } = this.#options;
    const { url, authorization, lines } = batch;
    const startedMs = time.monotonicMs();
    if (batch.attempts++ > 0) tally.telemetry.repeated += lines.length;
    const end = (how: { status?: number; error?: string }) =>
      tally.request({ kind: 'telemetry', ...how, durationMs: time.monotonicMs() - startedMs });
    try {
      const answer = await request(url, {
        method: 'POST',
        dispatcher,
        signal,
        headers: { authorization, 'content-type': 'application/x-ndjson', 'user-agent': 'ota-fleet' },
        body: lines.join('\n'),
      });
      await answer.body.dump();
      const { statusCode: status } = answer;
      end({ status });
      if (status < 300) tally.telemetry.acknowledged += lines.length;
      else if (status !== 429 && status < 500) tally.telemetry.dropped += lines.length;
      else return this.#again(batch);
      this.#waiting -= lines.length;
      return true;
    } catch (error) {
      if (!signal.aborted) end({ error: String((error as { code?: unknown }).code ?? 'unknown failure') });
      return this.#again(batch);
    }
  }

  #again(batch: Batch): false {
    this.#ready.unshift(batch);
    return false;
  }
}
