import { stat } from 'node:fs/promises';
import { readBounded } from '../core/file-access.js';
import { ioError } from '../core/io-error.js';
import { KEY_FILE_MAX_BYTES, parsePem } from './pem.js';
import { parsePrivateKeyPem } from './private-key.js';
import { type PublicKey, parsePublicKeyPem } from './public-key.js';
import type { PassphraseSource } from './signer.js';

/** A key file of either kind. */
export interface KeyView {
  file: string;
  kind: 'private' | 'public';
  algorithm: 'Ed25519';
  keyid: string;
  /** Marked as made for demos and tests. */
  test: boolean;
  /** Protected by a passphrase; only private keys are. */
  encrypted: boolean;
  /** Permission bits such as `0600`. */
  mode: string;
}

/**
 * Reads a key file of either kind and tells what it is; of a private key nothing but its public half is kept.
 *
 * @throws OtaError KEY_INVALID, KEY_PASSPHRASE, NOT_FOUND, PERMISSION_DENIED
 */
export async function readKeyFile(
  path: string,
  getPassphrase: PassphraseSource,
): Promise<{ view: KeyView; publicKey: PublicKey }> {
  const pem = (await readBounded(path, KEY_FILE_MAX_BYTES, 'key file')).toString('utf8');
  const isPrivate = parsePem(pem, path).label.endsWith('PRIVATE KEY');
  const { publicKey, isEncrypted } = isPrivate
    ? await parsePrivateKeyPem(pem, path, getPassphrase)
    : { publicKey: parsePublicKeyPem(pem, path), isEncrypted: false };
  const { mode } = await stat(path).catch((error: unknown): never => {
    throw ioError(error, path);
  });
  const view: KeyView = {
    file: path,
    kind: isPrivate ? 'private' : 'public',
    algorithm: 'Ed25519',
    keyid: publicKey.keyid,
    test: publicKey.isTest,
    encrypted: isEncrypted,
    mode: `0${(mode & 0o777).toString(8)}`,
  };
  return { view, publicKey };
}
