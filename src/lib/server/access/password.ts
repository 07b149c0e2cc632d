import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify<string, Buffer, number, { N: number; r: number; p: number; maxmem: number }, Buffer>(scrypt);

const BLOCK_SIZE = 8;
const PARALLELISM = 1;
const SALT_BYTES = 16;
const KEY_BYTES = 32;

/**
 * Hashes a password with a salt of its own.
 *
 * @param cost scrypt's N, a power of two; each hash takes 1 KiB times N of memory
 * @returns `scrypt$N$r$p$SALT$KEY`, salt and key in base64url
 * @see RFC 7914; OWASP Password Storage Cheat Sheet: N=2^17, r=8, p=1
 */
export async function hashPassword(password: string, cost: number): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  return hashText(cost, salt, await deriveKey(password, salt, cost, BLOCK_SIZE, PARALLELISM));
}

/** A hash that no password has, to compare with where there is none: an unknown name must cost what a known one does. */
export function hashOfNothing(cost: number): string {
  return hashText(cost, randomBytes(SALT_BYTES), randomBytes(KEY_BYTES));
}

/** Whether it is the password that `hashPassword` has seen; takes as long either way. */
export async function isPassword(password: string, hash: string): Promise<boolean> {
  const [, cost, blockSize, parallelism, salt = '', key = ''] = hash.split('$');
  const expected = Buffer.from(key, 'base64url');
  const derived = await deriveKey(
    password,
    Buffer.from(salt, 'base64url'),
    Number(cost),
    Number(blockSize),
    Number(parallelism),
  );
  return derived.length === expected.length && timingSafeEqual(derived, expected);
}

function hashText(cost: number, salt: Buffer, key: Buffer): string {
  return ['scrypt', cost, BLOCK_SIZE, PARALLELISM, salt.toString('base64url'), key.toString('base64url')].join('$');
}

/** The same password typed on two systems may come as different code points (NIST SP 800-63B, section 5.1.1.2). */
function deriveKey(password: string, salt: Buffer, N: number, r: number, p: number): Promise<Buffer> {
  return derive(password.normalize('NFKC'), salt, KEY_BYTES, { N, r, p, maxmem: 256 * N * r });
}
