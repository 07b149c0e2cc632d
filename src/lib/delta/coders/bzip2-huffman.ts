export const MAX_CODE_BITS = 20;
/** Codes up to this length are found by one look-up. */
export const FAST_BITS = 10;

/** One prefix code of a bzip2 block: codes of up to 10 bits by table, longer ones by their length's range. */
export interface PrefixCode {
  /** By the next 10 bits: symbol << 5 | length, or 0 when the code is longer. */
  fast: Uint16Array;
  /** By length: the first code beyond those of that length, aligned to 20 bits. */
  limits: Uint32Array;
  /** By length: what to subtract from a code to get its place in `symbols`. */
  bases: Int32Array;
  /** Symbols in the order of their codes. */
  symbols: Uint16Array;
}

/**
 * Builds the canonical code for these lengths.
 *
 * @returns undefined when there are more codes of some length than bits allow
 */
export function prefixCode(lengths: Uint8Array): PrefixCode | undefined {
  const fast = new Uint16Array(1 << FAST_BITS);
  const limits = new Uint32Array(MAX_CODE_BITS + 1);
  const bases = new Int32Array(MAX_CODE_BITS + 1);
  const symbols = new Uint16Array(lengths.length);
  let code = 0;
  let placed = 0;
  for (let length = 1; length <= MAX_CODE_BITS; length++) {
    code <<= 1;
    bases[length] = code - placed;
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      if (lengths[symbol] !== length) continue;
      if (code >> length !== 0) return undefined;
      symbols[placed++] = symbol;
      if (length <= FAST_BITS) {
        const first = code << (FAST_BITS - length);
        fast.fill((symbol << 5) | length, first, first + (1 << (FAST_BITS - length)));
      }
      code++;
    }
    limits[length] = code << (MAX_CODE_BITS - length);
  }
  return { fast, limits, bases, symbols };
}
