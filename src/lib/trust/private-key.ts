import {
  createCipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  pbkdf2Sync,
  randomBytes,
} from 'node:crypto';
import { OtaError } from '../core/errors.js';
import { readBounded } from '../core/file-access.js';
import { encodePem, KEY_FILE_MAX_BYTES, parsePem } from './pem.js';
import { enrolSpki, type PublicKey } from './public-key.js';
import type { PassphraseSource } from './signer.js';

export interface PrivateKey {
  readonly privateKey: KeyObject;
  readonly publicKey: PublicKey;
  /** Was the file it came from protected by a passphrase? */
  readonly isEncrypted: boolean;
}

/** A new Ed25519 key from the system's random source. */
export function generatePrivateKey({ isTest }: { isTest: boolean }): PrivateKey {
  const { privateKey } = generateKeyPairSync('ed25519');
  return { privateKey, publicKey: publicHalf(privateKey, isTest, 'new key'), isEncrypted: false };
}

/**
 * Reads a private key: PKCS#8 in PEM form (RFC 5958), plain or encrypted, as `openssl genpkey` writes it.
 *
 * @param name what a person would call the file; its contents are never quoted
 * @param getPassphrase called only for an encrypted key
 * @throws OtaError KEY_INVALID, KEY_PASSPHRASE
 */
export async function parsePrivateKeyPem(
  pem: string,
  name: string,
  getPassphrase: PassphraseSource,
): Promise<PrivateKey> {
  const { label, der, isTest } = parsePem(pem, name);
  if (label === 'PUBLIC KEY') {
    throw new OtaError('KEY_INVALID', `${name}: is a public key, expected a private key`, [
      'Give the file that `ota keys generate` wrote with mode 0600 (NAME.key).',
    ]);
  }
  if (label !== 'PRIVATE KEY' && label !== 'ENCRYPTED PRIVATE KEY') {
    throw new OtaError('KEY_INVALID', `${name}: the PEM block is a ${label}, expected an Ed25519 key in PKCS#8 form`, [
      'Run `ota keys generate --out release` to make an Ed25519 key pair.',
    ]);
  }
  const isEncrypted = label === 'ENCRYPTED PRIVATE KEY';
  const privateKey = isEncrypted ? decrypt(der, await getPassphrase(name), name) : decode(der, name);
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    const type = privateKey.asymmetricKeyType?.toUpperCase();
    throw new OtaError('KEY_INVALID', `${name}: is a key of type ${type}, expected an Ed25519 private key`, [
      'Run `ota keys generate --out release` to make an Ed25519 key pair.',
    ]);
  }
  return { privateKey, publicKey: publicHalf(privateKey, isTest, name), isEncrypted };
}

/** Reads a private key file. @throws OtaError KEY_INVALID, KEY_PASSPHRASE, NOT_FOUND, PERMISSION_DENIED */
export async function readPrivateKey(path: string, getPassphrase: PassphraseSource): Promise<PrivateKey> {
  const pem = (await readBounded(path, KEY_FILE_MAX_BYTES, 'key file')).toString('utf8');
  return parsePrivateKeyPem(pem, path, getPassphrase);
}

/**
 * PKCS#8 in PEM form, encrypted if a passphrase is given; a test key carries its mark along.
 * OpenSSL reads both.
 */
export function privateKeyPem({ privateKey, publicKey }: PrivateKey, passphrase?: string): string {
  const der = privateKey.export({ format: 'der', type: 'pkcs8' });
  const { isTest } = publicKey;
  if (passphrase === undefined) return encodePem({ label: 'PRIVATE KEY', der, isTest });
  return encodePem({ label: 'ENCRYPTED PRIVATE KEY', der: encrypt(der, passphrase), isTest });
}

function publicHalf(privateKey: KeyObject, isTest: boolean, name: string): PublicKey {
  return enrolSpki(createPublicKey(privateKey).export({ format: 'der', type: 'spki' }), isTest, name);
}

function decode(der: Buffer, name: string): KeyObject {
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } catch {
    throw new OtaError('KEY_INVALID', `${name}: the private key is damaged, it is not PKCS#8`);
  }
}

function decrypt(der: Buffer, passphrase: string, name: string): KeyObject {
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8', passphrase });
  } catch {
    throw new OtaError('KEY_PASSPHRASE', `${name}: the passphrase is wrong, or the encrypted key is damaged`, [
      'Give the passphrase by --passphrase-env NAME, --passphrase-stdin or at the prompt.',
    ]);
  }
}

const PBKDF2_ITERATIONS = 600_000;

/**
 * EncryptedPrivateKeyInfo (RFC 5958 §3) with PBES2 (RFC 8018 §6.2): PBKDF2 with HMAC-SHA-256, then AES-256-CBC.
 * Not the runtime's own exporter, which stops at 2,048 iterations: a stolen key file would fall to guessing.
 */
function encrypt(der: Buffer, passphrase: string): Buffer {
  const salt = randomBytes(16);
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-256-cbc', pbkdf2Sync(passphrase, salt, PBKDF2_ITERATIONS, 32, 'sha256'), iv);
  const encrypted = Buffer.concat([cipher.update(der), cipher.final()]);
  const iterations = Buffer.alloc(3);
  iterations.writeUIntBE(PBKDF2_ITERATIONS, 0, 3);
  const pbkdf2 = sequence(
    oid('2a864886f70d01050c'),
    sequence(octets(salt), tlv(0x02, iterations), sequence(oid('2a864886f70d0209'), tlv(0x05, Buffer.alloc(0)))),
  );
  const aes256Cbc = sequence(oid('60864801650304012a'), octets(iv));
  return sequence(sequence(oid('2a864886f70d01050d'), sequence(pbkdf2, aes256Cbc)), octets(encrypted));
}

/** DER of one element; everything here is shorter than 256 bytes. */
function tlv(tag: number, content: Buffer): Buffer {
  const length = content.byteLength < 0x80 ? [content.byteLength] : [0x81, content.byteLength];
  return Buffer.concat([Buffer.of(tag, ...length), content]);
}
const sequence = (...parts: Buffer[]): Buffer => tlv(0x30, Buffer.concat(parts));
const octets = (bytes: Buffer): Buffer => tlv(0x04, bytes);
const oid = (hex: string): Buffer => tlv(0x06, Buffer.from(hex, 'hex'));
