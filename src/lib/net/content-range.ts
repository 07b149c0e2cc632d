/** What a 206 answer says it holds. Positions are bytes; `totalBytes` is undefined when the server does not know. */
export interface ContentRange {
  first: number;
  last: number;
  totalBytes: number | undefined;
}

/** Reads a Content-Range header (RFC 9110, section 14.4); undefined when it is none or impossible. */
export function parseContentRange(header: string | undefined): ContentRange | undefined {
  const match = /^bytes (\d{1,16})-(\d{1,16})\/(?:(\d{1,16})|\*)$/.exec(header ?? '');
  if (match === null) return undefined;
  const [first, last] = [Number(match[1]), Number(match[2])];
  const totalBytes = match[3] === undefined ? undefined : Number(match[3]);
  if (last < first || (totalBytes !== undefined && last >= totalBytes)) return undefined;
  return { first, last, totalBytes };
}
