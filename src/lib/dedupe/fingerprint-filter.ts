/** A line of the filter is a cache line: 20 fingerprints of 16 bits, 20 tags of 8 bits, and what is noted of it. */
const LINE_BYTES = 64;
export const LINE_WORDS = LINE_BYTES / 4;
const LINE_HALVES = LINE_BYTES / 2;
export const SLOTS = 20;
export const TAGS_AT = SLOTS * 2;
/** The word of a line that holds the two bytes below. */
export const NOTED_AT = 15;
/** How many slots are taken. */
const USED_AT = 60;
/** Tag of the newest key that found this line full and went to the next one. */
const SPILL_AT = 61;
/** Keys for each line when the filter is full: of a Poisson distribution around it, 1 in 30 lines has more than 20. */
const KEYS_PER_LINE = 13.5;
/** The same when memory is scarce: 1 in 5 lines has more than 20. */
export const MAX_KEYS_PER_LINE = 17;
const MIN_LINES = 64;
/** Large blocks of memory begin 16 bytes behind a page (glibc's malloc): without this each line would lie in two cache lines. */
const SHIFT_BYTES = 48;

/** Bytes that a filter for so many keys takes. */
export function filterBytes(keys: number, perLine: number): number {
  return lineCount(keys, perLine) * LINE_BYTES;
}

/** @returns how dense a filter has to be to fit; undefined if it does not */
export function keysPerLine(keys: number, bytes: number): number | undefined {
  const needed = Math.max(KEYS_PER_LINE, keys / Math.max(1, Math.floor(bytes / LINE_BYTES)));
  return needed <= MAX_KEYS_PER_LINE && MIN_LINES * LINE_BYTES <= bytes ? needed : undefined;
}

function lineCount(keys: number, perLine: number): number {
  return Math.max(MIN_LINES, Math.ceil(keys / perLine));
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
  /** By tag: which generation it stands for. */
  readonly #generations: Uint32Array;
  readonly #lines: number;

  constructor(bytes: number, states: Uint8Array, generations: Uint32Array) {
    this.#lines = bytes / LINE_BYTES;
    const buffer = new ArrayBuffer(bytes + LINE_BYTES);
    this.words = new Int32Array(buffer, SHIFT_BYTES, bytes / 4);
    this.halves = new Uint16Array(buffer, SHIFT_BYTES, bytes / 2);
    this.bytes = new Uint8Array(buffer, SHIFT_BYTES, bytes);
    this.scale = this.#lines / 2 ** 32;
    this.states = states;
    this.#generations = generations;
  }

  get byteLength(): number {
    return this.bytes.byteLength;
  }

  /** Keys that it takes before chains of full lines get long. */
  get capacity(): number {
    return this.#lines * (MAX_KEYS_PER_LINE + 1);
  }

  /** Enters a key of the generation with this tag. */
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
      const spilled = bytes[start + SPILL_AT]!;
      const isNewer = this.states[spilled] === 0 || this.#generations[spilled]! < this.#generations[tag]!;
      if (isNewer) bytes[start + SPILL_AT] = tag;
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
 * Whether a fingerprint lies in a line, in whatever generation.
 *
 * Ten words of two fingerprints each are compared at once: `(x - 1) & ~x` has the high bit of a half set exactly if
 * some half of x is 0 (Warren, "Hacker's Delight", section 6-1).
 *
 * @param line its number
 */
export function hasFingerprint(words: Int32Array, line: number, fingerprint: number): boolean {
  const pattern = fingerprint | (fingerprint << 16);
  const at = line * LINE_WORDS;
  const x0 = words[at]! ^ pattern;
  const x1 = words[at + 1]! ^ pattern;
  const x2 = words[at + 2]! ^ pattern;
  const x3 = words[at + 3]! ^ pattern;
  const x4 = words[at + 4]! ^ pattern;
  const x5 = words[at + 5]! ^ pattern;
  const x6 = words[at + 6]! ^ pattern;
  const x7 = words[at + 7]! ^ pattern;
  const x8 = words[at + 8]! ^ pattern;
  const x9 = words[at + 9]! ^ pattern;
  const zeros =
    ((x0 - 0x10001) & ~x0) |
    ((x1 - 0x10001) & ~x1) |
    ((x2 - 0x10001) & ~x2) |
    ((x3 - 0x10001) & ~x3) |
    ((x4 - 0x10001) & ~x4) |
    ((x5 - 0x10001) & ~x5) |
    ((x6 - 0x10001) & ~x6) |
    ((x7 - 0x10001) & ~x7) |
    ((x8 - 0x10001) & ~x8) |
    ((x9 - 0x10001) & ~x9);
  return (zeros & 0x80008000) !== 0;
}
