import type { InPlaceDevice } from '../../src/lib/delta/inplace/in-place-device.js';

/** What of the writes since the last sync a power cut leaves. */
export const CUTS = ['nothing', 'everything', 'sectors'] as const;

export type Cut = (typeof CUTS)[number];

const SECTOR_BYTES = 512;

/** The power is gone; nothing the device did after this counts. */
export class PowerCut extends Error {}

/**
 * A slot in memory, with a cache that a power cut loses: whole, not at all, or sector by sector.
 *
 * @see test/support/recorded-disk.ts for files
 */
export class SimulatedSlot implements InPlaceDevice {
  readonly name = 'slot';
  readonly size: number;
  /** What a read gives. */
  readonly bytes: Buffer;
  /** What would outlive a power cut for sure. */
  readonly #durable: Buffer;
  readonly #unsynced: { at: number; bytes: Buffer }[] = [];
  /** Calls of `write` and `sync` so far. */
  calls = 0;
  #cutAt = Number.POSITIVE_INFINITY;

  constructor(image: Uint8Array, size: number) {
    this.size = size;
    this.bytes = Buffer.alloc(size, 0xff);
    this.bytes.set(image);
    this.#durable = Buffer.from(this.bytes);
  }

  /** The power goes while the write or sync after `calls` others is on its way. */
  cutAfter(calls: number): void {
    this.calls = 0;
    this.#cutAt = calls;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    return this.bytes.copy(into, 0, position, position + into.byteLength);
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    if (position < 0 || position + bytes.length > this.size) {
      throw new Error(`a write of ${bytes.length} bytes at ${position} lies outside the slot of ${this.size}`);
    }
    this.bytes.set(bytes, position);
    this.#unsynced.push({ at: position, bytes: Buffer.from(bytes) });
    if (this.calls++ >= this.#cutAt) throw new PowerCut();
  }

  async sync(): Promise<void> {
    if (this.calls++ >= this.#cutAt) throw new PowerCut();
    this.#durable.set(this.bytes);
    this.#unsynced.length = 0;
  }

  /** The slot as it is found when the power is back. @param random a number below 1 for each sector */
  rebooted(cut: Cut, random: () => number): SimulatedSlot {
    const survived = Buffer.from(this.#durable);
    for (const { at, bytes } of cut === 'nothing' ? [] : this.#unsynced) {
      for (let from = 0; from < bytes.length; from += SECTOR_BYTES) {
        if (cut === 'everything' || random() < 0.5) survived.set(bytes.subarray(from, from + SECTOR_BYTES), at + from);
      }
    }
    return new SimulatedSlot(survived, this.size);
  }
}
