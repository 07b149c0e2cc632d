/**
 * CRC-32 with the polynomial 04C11DB7, the most significant bit first, as
 * bzip2 has it. Table k advances a byte past k zero bytes, so that four bytes
 * take four independent look-ups ("slicing by 4").
 */
const CRC_TABLES = crcTables();

/** A fifth equal byte is not a byte but says how often to repeat the four before it: at most this often. */
const MOST_REPEATS = 255;
/** Up to here a loop is faster than a call of fill. */
const SHORT_RUN = 40;

/**
 * Undoes the outermost layer of a block: walks the linked bytes and, after
 * four equal ones, repeats them as often as the byte that follows says.
 *
 * A block of 900 kB can become 46 MB, so it is read in pieces.
 */
export class RunExpander {
  #crc = 0xffff_ffff;
  #links: Uint32Array;
  #left: number;
  #position: number;
  #byte = -1;
  /** How often it was seen in a row, 1 to 4. */
  #equal = 0;

  constructor(links: Uint32Array, count: number, first: number) {
    this.#links = links;
    this.#left = count;
    this.#position = first;
  }

  /** CRC-32 of what was read so far. */
  get crc(): number {
    return ~this.#crc >>> 0;
  }

  /**
   * Fills `out` as far as whole runs fit, and returns how many bytes it got: 0 when the block has ended.
   *
   * @param out larger than a run
   */
  read(out: Uint8Array): number {
    const links = this.#links;
    const end = out.length - MOST_REPEATS;
    let left = this.#left;
    let position = this.#position;
    let byte = this.#byte;
    let equal = this.#equal;
    let filled = 0;
    while (left > 0 && filled < end) {
      left--;
      const link = links[position]!;
      position = link >>> 8;
      const value = link & 0xff;
      if (equal === 4) {
        equal = 0;
        if (value > SHORT_RUN) out.fill(byte, filled, filled + value);
        else for (let i = 0; i < value; i++) out[filled + i] = byte;
        filled += value;
      } else {
        equal = value === byte ? equal + 1 : 1;
        byte = value;
        out[filled++] = value;
      }
    }
    this.#left = left;
    this.#position = position;
    this.#byte = byte;
    this.#equal = equal;
    this.#addToCrc(out, filled);
    return filled;
  }

  #addToCrc(bytes: Uint8Array, length: number): void {
    const [table0, table1, table2, table3] = CRC_TABLES;
    let crc = this.#crc;
    let i = 0;
    for (; i + 4 <= length; i += 4) {
      crc =
        table3[(crc >>> 24) ^ bytes[i]!]! ^
        table2[((crc >>> 16) & 0xff) ^ bytes[i + 1]!]! ^
        table1[((crc >>> 8) & 0xff) ^ bytes[i + 2]!]! ^
        table0[(crc & 0xff) ^ bytes[i + 3]!]!;
    }
    for (; i < length; i++) crc = (crc << 8) ^ table0[(crc >>> 24) ^ bytes[i]!]!;
    this.#crc = crc;
  }
}

function crcTables(): [Int32Array, Int32Array, Int32Array, Int32Array] {
  const tables = [new Int32Array(256), new Int32Array(256), new Int32Array(256), new Int32Array(256)] as const;
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc < 0 ? 0x04c1_1db7 : 0);
    tables[0][byte] = crc;
  }
  for (let k = 1; k < 4; k++) {
    for (let byte = 0; byte < 256; byte++) {
      const crc = tables[k - 1]![byte]!;
      tables[k]![byte] = (crc << 8) ^ tables[0][crc >>> 24]!;
    }
  }
  return [...tables];
}
