import type { JsonObject } from '../core/strict-json.js';
import type { LineChunk } from './line-chunk.js';

/** The messages of a batch that are to come out. */
export interface AcceptedMessages {
  readonly count: number;
  /** The lines, each with its line feed, in order; neighbours share a view. */
  readonly runs: readonly Uint8Array[];
  /** One by one: the id as text, and the line without its line feed. */
  messages(): Iterable<{ readonly id: string; readonly line: Uint8Array }>;
}

/** What a batch was read from: a sink with transactions commits it together with the messages. */
export interface InputProgress {
  readonly source: string;
  /** Absent where no more of the source is done than before: a stage holds lines back. */
  readonly position?: JsonObject;
}

/** Where messages go to. */
export interface Sink {
  /** What a checkpoint knows it by, for example `file:/data/out.ndjson`; no secrets. */
  readonly id: string;
  readonly guarantee: 'exactly-once' | 'at-least-once';
  /**
   * Resolves when the messages are as durable as the sink can make them: synced, acknowledged,
   * transaction committed. After a failure the sink takes no more.
   *
   * @returns where the output ends now, for a recoverable sink
   */
  write(messages: AcceptedMessages, input: InputProgress, signal: AbortSignal): Promise<JsonObject | undefined>;
  close(): Promise<void>;
}

/** A sink that can be asked what it holds: the source of truth after a crash. */
export interface RecoverableSink extends Sink {
  readonly guarantee: 'exactly-once';
  /** Whether it holds nothing at all, not even half a message. Changes nothing. */
  isEmpty(): Promise<boolean>;
  /** Where the output ends, once half a message at its end has been cut off. */
  end(): Promise<JsonObject>;
  /** Whether the output still holds what it held at `position`. */
  reaches(position: JsonObject): Promise<boolean>;
  /**
   * Whether the output begins as it did at `position`, however much of it was cut off since: otherwise another
   * output stands in its place. Missing where that cannot happen.
   */
  beginsAs?(position: JsonObject): Promise<boolean>;
  /** Everything between `from` (the start where undefined) and the end. */
  tail(from: JsonObject | undefined, signal: AbortSignal): AsyncIterable<LineChunk>;
  /** Where to read from to see at least the newest `messages` (undefined: all there is); for a store that is built anew. */
  newest(messages: number): Promise<JsonObject | undefined>;
  /**
   * Removes everything that lies more than `bytes` bytes behind a position of `tail`: what a power cut left
   * of a write that was never synced. Missing where a write is whole or absent.
   */
  cutBack?(after: JsonObject | undefined, bytes: number): Promise<void>;
}
