import type { TelemetryAnswer } from '../../wire/telemetry.js';
import type { TelemetryLines } from './decode-telemetry.js';

/** Telemetry of all tenants, in the order it became durable, as far back as it is kept. */
export interface TelemetryLog {
  /**
   * Keeps what is new of some lines, and resolves when that is durable.
   *
   * @param admit told the devices that they are of, names those whose lines are refused; without it none is
   * @throws OtaError NO_SPACE, IO_FAILED, LIMIT_EXCEEDED when too much waits to be written: nothing can be told of the
   *   lines then, and they have to be sent again
   */
  append(tenantId: number, lines: TelemetryLines, admit?: AdmitDevices): Promise<TelemetryAnswer>;
  /** Reads on behind a sequence number. */
  read(request: ReadRequest): Promise<LogRead>;
  /** A page of one device's messages, by time. */
  page(request: PageRequest): Promise<StoredMessage[]>;
  /** Boils down what some devices said to a few numbers. */
  sample(request: SampleRequest): Promise<LogSample>;
  /** Sequence number of the newest message that is durable; 0 when there was none yet. */
  lastSeq(): Promise<number>;
  /** Sequence number behind which everything lies that came since a time, milliseconds since 1970; some may be older. */
  seqBefore(time: number): Promise<number>;
  /** Calls back soon after something was appended, by whichever process. Returns what ends it. */
  onAppended(listener: () => void): () => void;
  close(): Promise<void>;
}

export type AdmitDevices = (devices: readonly string[]) => Promise<RefusedDevices>;
/** Name of a device → why its lines are refused, one clause. */
export type RefusedDevices = ReadonlyMap<string, string>;

export interface ReadRequest {
  readonly tenantId: number;
  /** Sequence number. */
  readonly after: number;
  readonly device?: string | undefined;
  readonly maxRows: number;
  /** A message that does not fit any more is the last one. */
  readonly maxBytes: number;
}

export interface LogRead {
  readonly messages: readonly StoredMessage[];
  /** The log was read up to here: from here it goes on. */
  readonly position: number;
  /** Sequence numbers behind the messages that cannot be read any more; `position` lies behind them. */
  readonly gap?: { readonly from: number; readonly to: number; readonly cause: 'aged' | 'damaged' };
}

export interface PageRequest {
  readonly tenantId: number;
  readonly device: string;
  /** Milliseconds since 1970, both inclusive. */
  readonly from: number;
  readonly to: number;
  readonly type?: string | undefined;
  readonly order: 'newest' | 'oldest';
  /** Behind this message of the page before. */
  readonly behind?: { readonly time: number; readonly seq: number } | undefined;
  readonly limit: number;
  readonly maxBytes: number;
}

export interface SampleRequest {
  readonly tenantId: number;
  /** Each with the sequence number behind which its messages count. */
  readonly devices: readonly { readonly name: string; readonly after: number }[];
  /** Of the number that is looked for. */
  readonly path?: readonly string[] | undefined;
  /** Messages that are read of one device at most: its newest ones. */
  readonly perDevice: number;
}

export interface LogSample {
  /** That there are of the devices of which any was read. */
  readonly messages: number;
  /** How many of them were read. */
  readonly read: number;
  /** How many of `messages` tell of an error, as far as those that were read tell; not a whole number then. */
  readonly errors: number;
  /** What was found at `path`. */
  readonly values: readonly number[];
}

export interface StoredMessage {
  readonly seq: number;
  readonly device: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly type: string | null;
  /** The message, JSON in UTF-8. */
  readonly line: Uint8Array;
}
