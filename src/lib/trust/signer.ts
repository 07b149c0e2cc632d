import { type KeyObject, sign } from 'node:crypto';
import { readPrivateKey } from './private-key.js';
import type { PublicKey } from './public-key.js';

/** Something that can sign with one Ed25519 key: a key file, an HSM behind a command, a test double. */
export interface Signer {
  readonly publicKey: PublicKey;
  /**
   * @param message the bytes to sign (pure Ed25519, not prehashed)
   * @returns 64 bytes; `createSignature` verifies them, so a signer need not
   */
  sign(message: Uint8Array, signal?: AbortSignal): Promise<Uint8Array>;
}

/** Asks for the passphrase of the encrypted key file `name`; called only when there is need. */
export type PassphraseSource = (name: string) => Promise<string>;

/**
 * A signer over a private key file (PKCS#8 PEM, plain or encrypted).
 * @throws OtaError KEY_INVALID, KEY_PASSPHRASE, NOT_FOUND, PERMISSION_DENIED
 */
export async function openFileSigner(path: string, getPassphrase: PassphraseSource): Promise<Signer> {
  const key = await readPrivateKey(path, getPassphrase);
  return keySigner(key.privateKey, key.publicKey);
}

export function keySigner(privateKey: KeyObject, publicKey: PublicKey): Signer {
  return { publicKey, sign: async (message) => sign(null, message, privateKey) };
}
