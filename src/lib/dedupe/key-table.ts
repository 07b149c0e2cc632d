import { allocate, type SharedWords } from './shared-words.js';

/** Slots for each key that is expected: short chains, and half the cache lines of a fuller table of whole keys. */
const SLOTS_PER_KEY = 2;

/**
 * The keys of a generation that is not sealed yet, in the order in which they came, with an index over them.
 *
 * The index is a table with open addressing. A slot holds the number of a key (from 1; 0 is free) in its low
 * bits and some bits of the key in its high bits, so that another key is hardly ever looked at. Keys are uniform, thus
 * their own bits are the hash. The memory is shared, so that another thread can sort the keys while this one looks
 * them up.
 */
export class KeyTable {
  /** 4 words for each key. */
  keys: SharedWords;
  /** 2 words for each key, or none. */
  digests: SharedWords;
  count = 0;
  readonly #hasDigests: boolean;
  /** Keys that it holds before it grows. */
  capacity: number;
  /** Open for look-ups that bring their cache lines in beforehand. */
  slots!: Int32Array;
  /** Place of a key in `slots`: its third word with this mask. */
  mask!: number;
  #indexBits!: number;
  #indexMask!: number;

  constructor(capacity: number, hasDigests: boolean) {
    this.#hasDigests = hasDigests;
    this.capacity = capacity;
    this.keys = allocate(capacity * 4);
    this.digests = allocate(hasDigests ? capacity * 2 : 0);
    this.#makeSlots();
  }

  get byteLength(): number {
    return this.keys.byteLength + this.digests.byteLength + this.slots.byteLength;
  }

  /** Number of the key, from 0 in the order of insertion; -1 if it is not here. */
  find(k0: number, k1: number, k2: number, k3: number): number {
    const slots = this.slots;
    const keys = this.keys;
    const tag = k3 & (2 ** (32 - this.#indexBits) - 1);
    for (let place = k2 & this.mask; ; place = (place + 1) & this.mask) {
      const slot = slots[place]!;
      if (slot === 0) return -1;
      if (slot >>> this.#indexBits !== tag) continue;
      const index = (slot & this.#indexMask) - 1;
      const at = index * 4;
      if (keys[at] === k0 && keys[at + 1] === k1 && keys[at + 2] === k2 && keys[at + 3] === k3) return index;
    }
  }

  /** Adds a key that is not here yet. */
  add(k0: number, k1: number, k2: number, k3: number, d0: number, d1: number): void {
    if (this.count === this.capacity) this.#grow();
    const index = this.count++;
    const at = index * 4;
    this.keys[at] = k0;
    this.keys[at + 1] = k1;
    this.keys[at + 2] = k2;
    this.keys[at + 3] = k3;
    if (this.#hasDigests) {
      this.digests[index * 2] = d0;
      this.digests[index * 2 + 1] = d1;
    }
    this.#enter(index, k2, k3);
  }

  /** Forgets all keys and keeps the memory. */
  clear(): void {
    this.count = 0;
    this.slots.fill(0);
  }

  #enter(index: number, k2: number, k3: number): void {
    const slots = this.slots;
    let place = k2 & this.mask;
    while (slots[place] !== 0) place = (place + 1) & this.mask;
    slots[place] = (k3 << this.#indexBits) | (index + 1);
  }

  #grow(): void {
    this.capacity *= 2;
    const { keys, digests } = this;
    this.keys = allocate(this.capacity * 4);
    this.keys.set(keys);
    this.digests = allocate(this.#hasDigests ? this.capacity * 2 : 0);
    this.digests.set(digests);
    this.#makeSlots();
    for (let index = 0; index < this.count; index++) {
      this.#enter(index, this.keys[index * 4 + 2]!, this.keys[index * 4 + 3]!);
    }
  }

  #makeSlots(): void {
    const bits = Math.ceil(Math.log2(this.capacity * SLOTS_PER_KEY));
    this.slots = new Int32Array(2 ** bits);
    this.mask = 2 ** bits - 1;
    this.#indexBits = Math.ceil(Math.log2(this.capacity + 1));
    this.#indexMask = 2 ** this.#indexBits - 1;
  }
}
