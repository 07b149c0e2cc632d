import type { UpdateEnd } from './device.js';
import { Latency, type LatencyReport } from './latency.js';

/** What requests are told apart by. */
export const REQUEST_KINDS = [
  'register',
  'poll',
  'attributes',
  'deployment',
  'confirmation',
  'cancel',
  'feedback',
  'download',
  'telemetry',
] as const;
export type RequestKind = (typeof REQUEST_KINDS)[number];

/** Kinds of errors that are told apart; servers can name more. */
const MAX_ERROR_KINDS = 200;

/** How a request went: a status, or the code of what came instead of one. */
export interface RequestEnd {
  kind: RequestKind;
  status?: number | undefined;
  error?: string | undefined;
  durationMs: number;
}

export interface TelemetryCounts {
  /** Distinct messages. */
  messages: number;
  /** Messages that the server has taken for good. */
  acknowledged: number;
  /** Sent again under the same id: on purpose, or because nobody acknowledged them. */
  repeated: number;
  /** Thrown away because too many were waiting. */
  dropped: number;
}

/** Everything that is counted while a swarm runs. */
export class Tally {
  readonly updates: Record<UpdateEnd['result'], number> = {
    success: 0,
    failure: 0,
    canceled: 0,
    rejected: 0,
    stuck: 0,
    gone: 0,
  };
  readonly telemetry: TelemetryCounts = { messages: 0, acknowledged: 0, repeated: 0, dropped: 0 };
  /** Installations that were verified and applied, and those that shared the result of another device. */
  readonly verified = { made: 0, shared: 0 };
  /** From when a step was due to when it began: how far the swarm itself is behind. */
  readonly lag = new Latency();
  receivedBytes = 0;
  downloads = 0;
  readonly #latencies = new Map<RequestKind, Latency>();
  readonly #errors = new Map<string, number>();

  request({ kind, status, error, durationMs }: RequestEnd): void {
    const latency = this.#latencies.get(kind) ?? new Latency();
    this.#latencies.set(kind, latency);
    latency.add(durationMs);
    if (status === undefined || status >= 400) this.error(`${kind}: ${error ?? status}`);
  }

  error(what: string): void {
    const known = this.#errors.has(what) || this.#errors.size < MAX_ERROR_KINDS;
    const key = known ? what : 'other';
    this.#errors.set(key, (this.#errors.get(key) ?? 0) + 1);
  }

  countOf(kind: RequestKind): number {
    return this.#latencies.get(kind)?.count ?? 0;
  }

  get errors(): Record<string, number> {
    return Object.fromEntries([...this.#errors].sort(([, a], [, b]) => b - a));
  }

  get requests(): Partial<Record<RequestKind, LatencyReport>> {
    return Object.fromEntries(
      REQUEST_KINDS.flatMap((kind) => {
        const latency = this.#latencies.get(kind);
        return latency === undefined ? [] : [[kind, latency.report()]];
      }),
    );
  }
}
