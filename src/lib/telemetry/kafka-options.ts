import type { ConnectionOptions } from 'node:tls';
import { type Pacing, systemPacing } from '../net/pacing.js';

/** How to reach a Kafka cluster (Apache Kafka 3.0 or newer). */
export interface KafkaOptions {
  /** `host:port` of the brokers to ask first. */
  readonly brokers: readonly string[];
  /** What the brokers' logs call this program. */
  readonly clientId: string;
  readonly sasl?: {
    readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
    readonly username: string;
    readonly password: string;
  };
  /** Present for TLS; the machine's certificate authorities are trusted where it names none. */
  readonly tls?: Pick<ConnectionOptions, 'ca' | 'cert' | 'key'>;
  /** How long a request is tried again while the cluster elects, restarts or cannot be reached, milliseconds. */
  readonly patienceMs?: number;
  readonly pacing?: Pacing;
}

/** An election and the restart of a broker fit in here. */
export const DEFAULT_PATIENCE_MS = 60_000;

export function pacingOf({ pacing = systemPacing }: Pick<KafkaOptions, 'pacing'>): Pacing {
  return pacing;
}

/** `host:port` with an IPv6 address in brackets. */
export function brokerAddress(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}
