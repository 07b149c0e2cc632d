import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const PREFIX = 'fleetr_';
const ID_BYTES = 16;
const NONCE_BYTES = 32;

export function newSessionId(): string {
  return randomBytes(ID_BYTES).toString('base64url');
}

/**
 * A token that renews a session once. It carries the session's name and a MAC, so that one that was already used is known
 * for what it is: somebody has a copy.
 */
export function newRefreshToken(key: Uint8Array, sessionId: string): string {
  const signed = Buffer.concat([Buffer.from(sessionId, 'base64url'), randomBytes(NONCE_BYTES)]);
  return `${PREFIX}${Buffer.concat([signed, mac(key, signed)]).toString('base64url')}`;
}

/** @returns the session that a token was made for, whether it was used since or not; undefined: it was not made here */
export function sessionOfRefreshToken(key: Uint8Array, token: string): string | undefined {
  const bytes = Buffer.from(token.slice(PREFIX.length), 'base64url');
  if (!token.startsWith(PREFIX) || bytes.length !== ID_BYTES + NONCE_BYTES + 32) return undefined;
  const signed = bytes.subarray(0, ID_BYTES + NONCE_BYTES);
  if (!timingSafeEqual(bytes.subarray(ID_BYTES + NONCE_BYTES), mac(key, signed))) return undefined;
  return signed.subarray(0, ID_BYTES).toString('base64url');
}

function mac(key: Uint8Array, signed: Uint8Array): Buffer {
  return createHmac('sha256', key).update(signed).digest();
}
