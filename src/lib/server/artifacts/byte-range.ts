/** Which bytes of a representation an answer has; `end` is the last one. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * What a client asks for of `size` bytes.
 *
 * Several ranges, other units and malformed values may be ignored, and are: the whole is the answer.
 *
 * @returns undefined: everything; `unsatisfiable`: nothing of it is there, 416
 * @see RFC 9110, sections 13.1.5 (If-Range), 14.1.2, 14.2
 */
export function requestedRange(
  { range, ifRange }: { range: string | undefined; ifRange: string | undefined },
  { size, etag }: { size: number; etag: string },
): ByteRange | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes\s*=\s*(\d{0,15})\s*-\s*(\d{0,15})$/i.exec(range?.trim() ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  // Strong comparison: a date, or a weak or other tag, means that the client's part may be of something else.
  if (ifRange !== undefined && ifRange.trim() !== etag) return undefined;
  if (first === '') {
    const suffix = Math.min(Number(last), size);
    return suffix === 0 ? 'unsatisfiable' : { start: size - suffix, end: size - 1 };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return undefined;
  if (start >= size) return 'unsatisfiable';
  return { start, end: last === '' ? size - 1 : Math.min(Number(last), size - 1) };
}
