import type { LineWriter } from './line-writer.js';

/** Random UUIDs (version 4), ULIDs, or text with a count: what devices in the field send. */
export const ID_KINDS = ['uuid', 'ulid', 'text'] as const;
export type IdKind = (typeof ID_KINDS)[number];

/** Writes the id of the message that has this number; `timeMs` is when it was recorded. */
export type IdWriter = (writer: LineWriter, message: number, timeMs: number) => void;

const HYPHEN = Buffer.from('-');

/**
 * Ids that look random and never repeat: 32 of their bits are the number of the message, mixed by a bijection.
 */
export function idWriter(kind: IdKind, seed: number, random: () => number): IdWriter {
  const word = () => Math.trunc(random() * 2 ** 32) >>> 0;
  const unique = (message: number) => mixed((message ^ Math.imul(seed, 0x9e3779b1)) >>> 0);
  switch (kind) {
    case 'uuid':
      return (writer, message) => {
        const rest = word();
        writer.hex(word());
        writer.text(HYPHEN);
        writer.hex(rest, 4);
        writer.text(HYPHEN);
        writer.hex(0x4000 | (rest >>> 20), 4);
        writer.text(HYPHEN);
        writer.hex(0x8000 | (word() & 0x3fff), 4);
        writer.text(HYPHEN);
        writer.hex(word(), 4);
        writer.hex(unique(message));
      };
    case 'ulid':
      return (writer, message, timeMs) => {
        writer.base32(timeMs, 10);
        writer.base32(word(), 6);
        writer.base32(word(), 3);
        writer.base32(unique(message), 7);
      };
    case 'text': {
      const prefix = Buffer.from(`telemetry/${seed}/`);
      return (writer, message) => {
        writer.text(prefix);
        writer.number(message);
      };
    }
  }
}

/** A bijection of 32 bits (the end of MurmurHash3). */
function mixed(word: number): number {
  let hash = word;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
