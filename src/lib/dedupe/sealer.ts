import { type EncodedSegment, encodeSegment, type UnsortedKeys } from './encode-segment.js';
import { ThreadSealer } from './seal-thread.js';

/** Sorts and packs the generations of a store. */
export interface Sealer {
  encode(unsorted: UnsortedKeys): Promise<EncodedSegment>;
  /** Takes back the memory of records that are written. */
  recycle(records: Uint8Array<ArrayBuffer>): void;
  close(): Promise<void>;
}

/** @param where in the thread that all stores of the process share, or at once, before `encode` returns */
export function openSealer(where: 'worker' | 'inline'): Sealer {
  return where === 'worker' ? new ThreadSealer() : new InlineSealer();
}

class InlineSealer implements Sealer {
  #memory: ArrayBuffer | undefined;

  async encode(unsorted: UnsortedKeys): Promise<EncodedSegment> {
    const memory = this.#memory;
    this.#memory = undefined;
    return encodeSegment(unsorted, memory);
  }

  recycle(records: Uint8Array<ArrayBuffer>): void {
    this.#memory = records.buffer;
  }

  async close(): Promise<void> {
    this.#memory = undefined;
  }
}
