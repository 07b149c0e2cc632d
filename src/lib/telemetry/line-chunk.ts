import type { JsonObject } from '../core/strict-json.js';

/**
 * Whole lines on their way. Messages that arrive one by one (MQTT, Kafka) have become lines:
 * a raw line feed or carriage return in valid JSON is white space, so it is replaced by a space.
 */
export interface LineChunk {
  /** Zero or more lines, each ended by a line feed. Belongs to the reader: it may be transferred to another thread. */
  readonly bytes: Uint8Array;
  /** Number of the first line in its source, from 1: what a dead letter names. */
  readonly firstLine: number;
  /**
   * Where the source goes on after these lines. Sources always tell; a chunk without it comes from a stage that
   * holds lines back: no more of the source is done than before.
   */
  readonly position?: JsonObject;
}
