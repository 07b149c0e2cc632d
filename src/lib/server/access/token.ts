import { hash, randomBytes } from 'node:crypto';

/** 256 random bits; the prefix lets scanners of leaked secrets find it. */
export function newToken(): string {
  return `fleet_${randomBytes(32).toString('base64url')}`;
}

/** How a token is kept: it has 256 random bits, so a plain hash hides it (unlike a password). Hexadecimal. */
export function tokenHash(token: string): string {
  return hash('sha256', token);
}
