/** A line of the filter is a cache line: 20 fingerprints of 16 bits, 20 tags of 8 bits, and what is noted of it. */
const LINE_BYTES = 64;
const LINE_WORDS = LINE_BYTES / 4;
const LINE_HALVES = LINE_BYTES / 2;
const SLOTS = 20;
const TAGS_AT = SLOTS * 2;
/** How many slots are taken. */
const USED_AT = 60;
/** Tag of the newest key that found this line full and went to the next one. */
const SPILL_AT = 61;
/** Keys for each line when the filter is full: of a Poisson distribution around it, 1 in 30 lines has more than 20. */
const KEYS_PER_LINE = 13.5;
const MIN_LINES = 64;

/** Bytes that a filter for so many keys takes. */
export function filterBytes(keys: number): number {
  return lineCount(keys) * LINE_BYTES;
}

function lineCount(keys: number): number {
  return Math.max(MIN_LINES, Math.ceil(keys / KEYS_PER_LINE));
}

/** Generations are told apart by tags from 1 to 255; 0 is nobody's. */
export function tagOf(generation: number): number {
  return (generation % 255) + 1;
}

/** The 16 bits that stand for a key in its line. Never 0, which is what free slots hold. */
export function fingerprintOf(k1: number): number {
  return k1 >>> 16 || 1;
}

/**
 * Says for a key in which generations of the window it may be. It never misses one, and errs for about 1 of 4000
 * keys that are new.
 *
 * A set-associative table: a key's line follows from its first word (so that a sorted segment fills it from one end to
 * the other), its fingerprint from the second. When a line is full, keys go to the next one, and the line remembers
 * the tag of the newest that did: look-ups follow only while that one is alive. A generation dies in one step, by its
 * tag; the slots of the dead are taken back when their line is full.
 *
 * The members are open since seenOrInsert works on them directly: a call for each key would cost more than the work.
 */
export class FingerprintFilter {
  readonly words: Int32Array;
  readonly halves: Uint16Array;
  readonly bytes: Uint8Array;
  /** Line of a key: its first word times this, rounded down. */
  readonly scale: number;
  /** By tag; not 0 while the generation is in the window. The values are the owner's. */
  readonly states: Uint8Array;
  readonly #lines: number;

  constructor(keys: number, states: Uint8Array) {
    this.#lines = lineCount(keys);
    const buffer = new ArrayBuffer(this.#lines * LINE_BYTES);
    this.words = new Int32Array(buffer);
    this.halves = new Uint16Array(buffer);
    this.bytes = new Uint8Array(buffer);
    this.scale = this.#lines / 2 ** 32;
    this.states = states;
  }

  get byteLength(): number {
    return this.bytes.byteLength;
  }

  /** Keys that it takes before chains of full lines get long. */
  get capacity(): number {
    return this.#lines * 16;
  }

  /** Enters a key of the generation with this tag, which must be the newest whose keys spill. */
  insert(k0: number, fingerprint: number, tag: number): void {
    const { bytes, halves } = this;
    for (let line = (k0 * this.scale) | 0; ; line = line + 1 === this.#lines ? 0 : line + 1) {
      const start = line * LINE_BYTES;
      let used = bytes[start + USED_AT]!;
      if (used === SLOTS) used = this.#swept(line);
      if (used < SLOTS) {
        halves[line * LINE_HALVES + used] = fingerprint;
        bytes[start + TAGS_AT + used] = tag;
        bytes[start + USED_AT] = used + 1;
        return;
      }
      bytes[start + SPILL_AT] = tag;
    }
  }

  /**
   * Tags of living generations with this fingerprint in a key's lines, into `tags`, each once for each slot.
   *
   * @returns how many; at most `tags.length`
   */
  candidates(k0: number, fingerprint: number, tags: Uint8Array): number {
    const { bytes, halves, states } = this;
    let found = 0;
    let line = (k0 * this.scale) | 0;
    for (let left = this.#lines; left > 0; left--, line = line + 1 === this.#lines ? 0 : line + 1) {
      const start = line * LINE_BYTES;
      const used = bytes[start + USED_AT]!;
      for (let slot = 0; slot < used; slot++) {
        if (halves[line * LINE_HALVES + slot] !== fingerprint) continue;
        const tag = bytes[start + TAGS_AT + slot]!;
        if (states[tag] !== 0 && !tags.subarray(0, found).includes(tag)) tags[found++] = tag;
      }
      if (states[bytes[start + SPILL_AT]!] === 0) break;
    }
    return found;
  }

  /** Takes back the slots of dead generations. */
  #swept(line: number): number {
    const { bytes, halves, states } = this;
    const start = line * LINE_BYTES;
    let used = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      const tag = bytes[start + TAGS_AT + slot]!;
      if (states[tag] === 0) continue;
      bytes[start + TAGS_AT + used] = tag;
      halves[line * LINE_HALVES + used] = halves[line * LINE_HALVES + slot]!;
      used++;
    }
    bytes[start + USED_AT] = used;
    return used;
  }
}

/**
 * Whether a line holds nothing for a fingerprint, in any generation, and let no living key spill over.
 *
 * Ten words of two fingerprints each are compared at once: `(x - 1) & ~x` has the high bit of a half set exactly if
 * some half of x is 0 (Warren, "Hacker's Delight", section 6-1).
 *
 * @param line its number
 */
export function isAbsent(filter: FingerprintFilter, line: number, fingerprint: number): boolean {
  const { words } = filter;
  const pattern = fingerprint | (fingerprint << 16);
  let at = line * LINE_WORDS;
  let zeros = 0;
  for (const end = at + SLOTS / 2; at < end; at++) {
    const difference = words[at]! ^ pattern;
    zeros |= (difference - 0x10001) & ~difference;
  }
  return (zeros & 0x80008000) === 0 && filter.states[filter.bytes[line * LINE_BYTES + SPILL_AT]!] === 0;
}
