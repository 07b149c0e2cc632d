export const LOGIN: { readonly username: string; readonly password: string };

export interface RunningKafka {
  /** `host:port` without login. */
  readonly address: string;
  /** `host:port` of the listener with SASL PLAIN. */
  readonly loginAddress: string;
  readonly pid: number;
  stop(): Promise<void>;
  kill(): Promise<void>;
}

export function startKafka(directory: string): Promise<RunningKafka>;

export interface ReadRecord {
  readonly partition: number;
  readonly key: string;
  readonly value: string;
}

export function readCommitted(
  address: string,
  topic: string,
  options?: { readonly idleMs?: number },
): Promise<ReadRecord[]>;

export function writeRecords(
  address: string,
  topic: string,
  records: readonly { readonly key: string; readonly value: string }[],
): void;
