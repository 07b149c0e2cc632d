/**
 * How a distribution set says which package it is of, on a line of its description: hawkBit has no member for that.
 *
 * @param digest SHA-256 of the package's metadata, hexadecimal
 */
export function packageMark(digest: string): string {
  return `Package sha256:${digest}`;
}

const MARK = /^Package sha256:([0-9a-f]{64})$/m;

/** The digest that a description tells; null: none. */
export function markedDigest(description: string | null | undefined): string | null {
  return MARK.exec(description ?? '')?.[1] ?? null;
}
