import type { LzmaProperties } from './lzma-model.js';

/** What `.lzma` files and EDK2's sections begin with (LZMA SDK, lzma-specification.txt). */
export interface AloneHeader {
  properties: LzmaProperties;
  dictionaryBytes: number;
  /** Undefined where an end marker says it. */
  contentBytes: number | undefined;
}

export const ALONE_HEADER_BYTES = 13;

const SIZE_AT = 5;
const UNKNOWN_SIZE = 0xffff_ffff_ffff_ffffn;
const PROPERTIES_END = 9 * 5 * 5;

/** @throws RangeError for what is no such header */
export function readAloneHeader(packed: Uint8Array): AloneHeader {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const byte = packed[0] ?? PROPERTIES_END;
  if (packed.length < ALONE_HEADER_BYTES || byte >= PROPERTIES_END) throw new RangeError('no header of an LZMA stream');
  const size = view.getBigUint64(SIZE_AT, true);
  if (size !== UNKNOWN_SIZE && size > Number.MAX_SAFE_INTEGER) throw new RangeError(`an LZMA stream of ${size} bytes`);
  return {
    properties: {
      literalContextBits: byte % 9,
      literalPositionBits: Math.floor(byte / 9) % 5,
      positionBits: Math.floor(byte / 45),
    },
    dictionaryBytes: view.getUint32(1, true),
    contentBytes: size === UNKNOWN_SIZE ? undefined : Number(size),
  };
}
