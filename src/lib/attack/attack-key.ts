import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { privateKeyPem } from '../trust/private-key.js';
import { enrolSpki, type PublicKey, publicKeyPem } from '../trust/public-key.js';
import type { CaseFile } from './attack-case.js';

/** PKCS#8 of Ed25519 up to the 32 secret bytes (RFC 8410, section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A throw-away key that anybody can make again from the seed, hence marked as a test key. */
export interface AttackKey {
  publicKey: PublicKey;
  /** The 32 bytes that the key is made from (RFC 8032, section 5.1.5). */
  secret: Buffer;
  sign(message: Uint8Array): Buffer;
  publicFile: CaseFile;
  privateFile: CaseFile;
}

/** The same seed and name give the same key. */
export function attackKey(seed: string, name: string): AttackKey {
  const secret = createHash('sha256').update(`ota-fleet attack key\n${name}\n${seed}`).digest();
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, secret]), format: 'der', type: 'pkcs8' });
  const publicKey = publicHalf(privateKey, name);
  return {
    publicKey,
    secret,
    sign: (message) => sign(null, message, privateKey),
    publicFile: { path: `keys/${name}.pub`, bytes: Buffer.from(publicKeyPem(publicKey)) },
    privateFile: {
      path: `keys/${name}.key`,
      bytes: Buffer.from(privateKeyPem({ privateKey, publicKey, isEncrypted: false })),
    },
  };
}

function publicHalf(privateKey: KeyObject, name: string): PublicKey {
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return enrolSpki(spki, true, name);
}
