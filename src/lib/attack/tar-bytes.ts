import { BLOCK_BYTES, paddingBytes, ustarHeader } from '../package/ustar.js';

/** One entry of a container as it is built here: anything may be wrong with its header. */
export interface TarEntry {
  name: string;
  bytes: Uint8Array;
  /** Spoils the 512 bytes of the header, checksum included. */
  header?: (header: Buffer) => void;
}

/** Where the fields of a ustar header lie: first byte and length. */
export const HEADER_FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  typeflag: [156, 1],
  linkname: [157, 100],
  magic: [257, 6],
  version: [263, 2],
  uname: [265, 32],
  gname: [297, 32],
  devmajor: [329, 8],
  devminor: [337, 8],
  prefix: [345, 155],
} as const satisfies Record<string, readonly [number, number]>;

export type HeaderField = keyof typeof HEADER_FIELDS;

/** Two zero blocks. */
export const END_OF_ARCHIVE = Buffer.alloc(2 * BLOCK_BYTES);

/** A container with these entries, its end included. */
export function tarBytes(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.map(entryBytes), END_OF_ARCHIVE]);
}

export function entryBytes({ name, bytes, header: spoil }: TarEntry): Buffer {
  const header = ustarHeader(name, bytes.byteLength);
  spoil?.(header);
  return Buffer.concat([header, bytes, Buffer.alloc(paddingBytes(bytes.byteLength))]);
}

/** Overwrites header fields and makes the checksum right again, so that only a strict reader notices. */
export function withFields(fields: Partial<Record<HeaderField, string | Buffer>>): (header: Buffer) => void {
  return (header) => {
    for (const [field, value] of Object.entries(fields) as [HeaderField, string | Buffer][]) {
      const [offset, length] = HEADER_FIELDS[field];
      header.fill(0, offset, offset + length);
      (typeof value === 'string' ? Buffer.from(value, 'utf8') : value).copy(header, offset, 0, length);
    }
    header.fill(' ', 148, 156);
    const checksum = header.reduce((sum, byte) => sum + byte, 0);
    header.write(`${checksum.toString(8).padStart(6, '0')} \0`, 148, 'latin1');
  };
}
