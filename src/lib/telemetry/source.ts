import type { JsonObject } from '../core/strict-json.js';
import type { LineChunk } from './line-chunk.js';

export interface ReadLimits {
  readonly maxChunkBytes: number;
}

/** Where messages come from. */
export interface Source {
  /** What a checkpoint knows it by, for example `file:/data/trip.ndjson`; no secrets. */
  readonly id: string;
  /**
   * What becomes of messages that were read and not committed when the process dies:
   * `position`: they are read again from any position;
   * `redelivery`: the sender sends them again, because it got no acknowledgement;
   * `none`: they are gone (stdin).
   */
  readonly recovery: 'position' | 'redelivery' | 'none';
  /** Does not end by itself: it is read at the same time as the others, which follow each other. */
  readonly isLive?: boolean;
  /**
   * Reads from a position that a chunk of this source had, or from the start. Ends at the end of a
   * finite source, and on abort after the chunk in hand.
   *
   * @param limits.maxChunkBytes a larger chunk holds one line only: whatever is read again after a crash has to
   *   be a small part of what the store remembers
   * @throws OtaError CHECKPOINT_MISMATCH when the source no longer has that position
   */
  read(from: JsonObject | undefined, signal: AbortSignal, limits?: ReadLimits): AsyncIterable<LineChunk>;
  /** Everything up to `position` is durable in output and store: acknowledge, commit the group's offset. */
  committed(position: JsonObject): Promise<void>;
  /** How far the end is away as far as it is known, in the source's unit. */
  lag(): { readonly amount: number; readonly unit: 'bytes' | 'messages' } | undefined;
  close(): Promise<void>;
}
