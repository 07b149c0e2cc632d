/** Size of a tar header and of the unit that entries are padded to, bytes. */
export const BLOCK_BYTES = 512;

/** The largest size that eleven octal digits can say: 8 GiB − 1. */
export const MAX_ENTRY_BYTES = 8 * 1024 ** 3 - 1;

/**
 * Builds the one header that a container may hold for an entry: POSIX ustar,
 * regular file, mode 0644, uid, gid and mtime 0, no user or group name. Numbers
 * are zero-padded octal ended by a space.
 *
 * A reader does not interpret headers: it rebuilds them from name and size and
 * compares all 512 bytes, so links, devices, sparse files, pax records and
 * disagreeing sizes have no way in.
 *
 * @param name ASCII, 1 to 100 bytes
 * @param size content, bytes, 0 to {@link MAX_ENTRY_BYTES}
 * @returns 512 bytes
 * @see POSIX.1-2024, pax utility, "ustar Interchange Format"
 */
export function ustarHeader(name: string, size: number): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  header.write(name, 0, 100, 'latin1');
  header.write('000644 ', 100, 'latin1');
  header.write('000000 ', 108, 'latin1');
  header.write('000000 ', 116, 'latin1');
  header.write(`${octal(size, 11)} `, 124, 'latin1');
  header.write(`${octal(0, 11)} `, 136, 'latin1');
  header.fill(' ', 148, 156); // the checksum is summed with its own field blank
  header.write('0', 156, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  header.write('000000 ', 329, 'latin1');
  header.write('000000 ', 337, 'latin1');
  let checksum = 0;
  for (const byte of header) checksum += byte;
  header.write(`${octal(checksum, 6)} \0`, 148, 'latin1');
  return header;
}

/**
 * Reads name and size from a header, trusting nothing: the caller rebuilds the
 * header from the answer and compares.
 *
 * @returns undefined where no canonical header could have these bytes
 */
export function ustarNameAndSize(header: Uint8Array): { name: string; size: number } | undefined {
  const text = Buffer.from(header.buffer, header.byteOffset, header.byteLength).toString('latin1');
  const name = text.slice(0, 100).split('\0', 1)[0] ?? '';
  const size = /^[0-7]{11} $/.test(text.slice(124, 136)) ? Number.parseInt(text.slice(124, 135), 8) : undefined;
  if (name === '' || size === undefined) return undefined;
  return ustarHeader(name, size).equals(header) ? { name, size } : undefined;
}

/** Zero bytes that follow `size` bytes of content up to the next block. */
export function paddingBytes(size: number): number {
  return (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}
