const BITS_PER_KEY = 12;

/** Split-block bloom filters: the present one, and the one before it, so that what is old goes when a window is over. */
export class Bloom {
  #blocks;
  #windowKeys;
  #present;
  #before;
  #added = 0;

  constructor(windowKeys) {
    this.#windowKeys = windowKeys;
    this.#blocks = Math.ceil((windowKeys * BITS_PER_KEY) / 256);
    this.#present = new Uint32Array(this.#blocks * 8);
  }

  /** Whether it may have been added in this window; adds it. */
  addAndMayHave(keys, at) {
    const block = Math.floor((keys[at] / 2 ** 32) * this.#blocks) * 8;
    const [low, high] = [keys[at + 1], keys[at + 2]];
    let missing = 0;
    let missingBefore = 0;
    for (let word = 0; word < 8; word++) {
      const bit = 1 << ((word < 4 ? low >>> (word * 8) : high >>> ((word - 4) * 8)) & 31);
      if (this.#before !== undefined) missingBefore |= ~this.#before[block + word] & bit;
      missing |= ~this.#present[block + word] & bit;
      this.#present[block + word] |= bit;
    }
    if (missing !== 0 && ++this.#added === this.#windowKeys) this.#turn();
    return missing === 0 || (this.#before !== undefined && missingBefore === 0);
  }

  #turn() {
    this.#before = this.#present;
    this.#present = new Uint32Array(this.#blocks * 8);
    this.#added = 0;
  }
}
