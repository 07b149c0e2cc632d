import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';

/** Seconds: from a poll that is answered from memory to a download over a phone line. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];

/**
 * What this process counts since it started.
 *
 * @see https://prometheus.io/docs/practices/naming/
 */
export interface Metrics {
  readonly registry: Registry;
  /** Seconds, by `method`, `route` (the pattern, not the address) and `status`. */
  readonly requests: Histogram<'method' | 'route' | 'status'>;
  /** Telemetry messages by `path` (http, mqtt) and `verdict` (accepted, duplicate, conflict, refused). */
  readonly telemetry: Counter<'path' | 'verdict'>;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    requests: new Histogram({
      name: 'fleet_http_request_duration_seconds',
      help: 'Time from the headers of a request to the end of its answer.',
      labelNames: ['method', 'route', 'status'],
      buckets: DURATION_BUCKETS,
      registers: [registry],
    }),
    telemetry: new Counter({
      name: 'fleet_telemetry_messages_total',
      help: 'Telemetry messages received.',
      labelNames: ['path', 'verdict'],
      registers: [registry],
    }),
  };
}
