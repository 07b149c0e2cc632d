/**
 * The SHA-256 a server announces for the whole content (Repr-Digest, RFC 9530, section 3), 64 lowercase hex digits;
 * undefined when there is none.
 */
export function representationSha256(header: string | undefined): string | undefined {
  const match = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):/.exec(header ?? '');
  return match === null ? undefined : Buffer.from(match[1]!, 'base64').toString('hex');
}
