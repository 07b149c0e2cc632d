/**
 * Text of a JSON string that is known to be valid.
 *
 * @param start offset behind the opening quote
 * @param end offset of the closing quote
 * @returns with lone surrogates where they are escaped: `isWellFormed` tells
 */
export function jsonStringText(bytes: Uint8Array, start: number, end: number): string {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
  return raw.includes('\\') ? JSON.parse(`"${raw}"`) : raw;
}
