import { lstat, stat } from 'node:fs/promises';
import { openAtomicFile } from '../core/atomic-file.js';
import { commitTogether } from '../core/commit-together.js';
import { OtaError } from '../core/errors.js';
import { ioError } from '../core/io-error.js';
import { escapeText } from '../core/text.js';
import { type PrivateKey, privateKeyPem } from './private-key.js';
import { publicKeyPem } from './public-key.js';

/** Where a key pair lies: `release` stands for `release.key` and `release.pub`. */
export interface KeyPairPaths {
  readonly privatePath: string;
  readonly publicPath: string;
}

export function keyPairPaths(name: string): KeyPairPaths {
  const base = name.replace(/\.(key|pub)$/, '');
  return { privatePath: `${base}.key`, publicPath: `${base}.pub` };
}

/**
 * Refuses a pair of which a file exists, before a passphrase is asked for.
 * @throws OtaError OUTPUT_EXISTS
 */
export async function refuseExisting({ privatePath, publicPath }: KeyPairPaths): Promise<void> {
  for (const path of [privatePath, publicPath]) {
    const found = await lstat(path).catch(() => undefined);
    if (!found) continue;
    throw new OtaError('OUTPUT_EXISTS', `${escapeText(path)}: exists already, and a key that is replaced is lost`, [
      'Choose another name with --out, or add --force to replace both files.',
    ]);
  }
}

/**
 * Writes both halves of a key, the private one readable by its owner only.
 *
 * @param passphrase encrypts the private file
 * @throws OtaError OUTPUT_EXISTS for either file without `force`, and the other failures of writing;
 *   an old private key is never lost to a new one by accident
 */
export async function writeKeyPair(
  { privatePath, publicPath }: KeyPairPaths,
  key: PrivateKey,
  { passphrase, force, signal }: { passphrase?: string | undefined; force?: boolean; signal?: AbortSignal } = {},
): Promise<void> {
  await using privateFile = await openAtomicFile(privatePath, { mode: 0o600, force, signal });
  await using publicFile = await openAtomicFile(publicPath, { mode: 0o644, force, signal });
  await privateFile.write(Buffer.from(privateKeyPem(key, passphrase)));
  await publicFile.write(Buffer.from(publicKeyPem(key.publicKey)));
  await commitTogether([privateFile, publicFile]);
}

/**
 * Can anybody but the owner read this private key file? Always false where files have no such bits.
 * @throws OtaError NOT_FOUND, PERMISSION_DENIED, IO_FAILED
 */
export async function isReadableByOthers(path: string): Promise<boolean> {
  if (process.platform === 'win32') return false;
  const { mode } = await stat(path).catch((error: unknown) => {
    throw ioError(error, path);
  });
  return (mode & 0o044) !== 0;
}
