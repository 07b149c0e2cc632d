// The stream that all contenders judge: new ids of 16 bytes, and repeated ones from anywhere in the window.
// rocksdb-loop.cpp makes the same one.

/** Share of ids that are repeated. */
const DUPLICATES = 0.006;

export class Stream {
  /** Ids of the present batch: 4 words each. */
  keys;
  /** The same as bytes. */
  bytes;
  /** What has to be said of each: 0 new, 1 duplicate. */
  expected;
  /** Distinct ids so far. */
  inserted = 0;
  #state = 0;

  constructor(window, batchKeys) {
    this.window = window;
    this.keys = new Uint32Array(batchKeys * 4);
    this.bytes = Buffer.from(this.keys.buffer);
    this.expected = new Uint8Array(batchKeys);
  }

  next() {
    const { keys, expected } = this;
    const before = this.inserted;
    const reach = Math.min(before, this.window) - 1;
    for (let at = 0; at < expected.length; at++) {
      this.#state = mixed(this.#state + 0x9e3779b9);
      const isRepeated = before > 0 && this.#state < DUPLICATES * 2 ** 32;
      expected[at] = isRepeated ? 1 : 0;
      const id = isRepeated ? before - 1 - Math.floor((mixed(this.#state) / 2 ** 32) * reach) : this.inserted++;
      writeKey(id, keys, at * 4);
    }
  }

  /** Nothing but duplicates. */
  nextOfStorm() {
    const { keys, expected } = this;
    const reach = Math.min(this.inserted, this.window);
    for (let at = 0; at < expected.length; at++) {
      this.#state = mixed(this.#state + 0x9e3779b9);
      expected[at] = 1;
      writeKey(this.inserted - 1 - Math.floor((mixed(this.#state) / 2 ** 32) * reach), keys, at * 4);
    }
  }
}

function writeKey(id, keys, at) {
  keys[at] = mixed(id ^ 0x5bd1e995);
  keys[at + 1] = mixed(Math.imul(id, 0x2c1b3c6d) ^ 0x297a2d39);
  keys[at + 2] = mixed(id + 0x165667b1);
  keys[at + 3] = mixed(id);
}

/** The finalizer of MurmurHash3: a permutation of 32 bits. */
function mixed(value) {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
