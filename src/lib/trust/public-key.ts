import { createPublicKey } from 'node:crypto';
import { parse } from 'node:path';
import { OtaError } from '../core/errors.js';
import { readBounded } from '../core/file-access.js';
import { sha256Hex } from '../core/sha256.js';
import { publicKeyFault } from './ed25519.js';
import { encodePem, KEY_FILE_MAX_BYTES, parsePem } from './pem.js';

/** An Ed25519 public key that passed the checks of enrolment. */
export interface PublicKey {
  /** SHA-256 of the 44-byte SubjectPublicKeyInfo, 64 lowercase hex digits. */
  readonly keyid: string;
  /** The 32 bytes of RFC 8032 §5.1.5. */
  readonly raw: Uint8Array;
  /** Made for demos and tests: refused by `verify` unless explicitly allowed. */
  readonly isTest: boolean;
}

/** SubjectPublicKeyInfo of Ed25519 up to the key itself (RFC 8410 §4). It has one encoding only: 12 + 32 bytes. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** The canonical 44-byte SubjectPublicKeyInfo (RFC 8410 §4). */
export function spkiOf(raw: Uint8Array): Buffer {
  return Buffer.concat([SPKI_PREFIX, raw]);
}

/** SHA-256 of the canonical SubjectPublicKeyInfo, hex. */
export function keyIdOf(raw: Uint8Array): string {
  return sha256Hex(spkiOf(raw));
}

/**
 * Enrols 32 raw bytes as a public key.
 *
 * @param name what a person would call the source
 * @throws OtaError KEY_INVALID for small-order, non-canonical, off-curve and torsion keys
 */
export function enrolPublicKey(raw: Uint8Array, isTest: boolean, name: string): PublicKey {
  const fault = publicKeyFault(raw);
  if (fault) {
    throw new OtaError('KEY_INVALID', `${name}: the public key is refused, ${fault}`, [
      'Get the public key again from its owner; no signing tool makes such a key by accident.',
    ]);
  }
  return { keyid: keyIdOf(raw), raw: Uint8Array.from(raw), isTest };
}

/**
 * Enrols a DER SubjectPublicKeyInfo.
 * @throws OtaError KEY_INVALID for another algorithm and for what {@link enrolPublicKey} refuses
 */
export function enrolSpki(der: Uint8Array, isTest: boolean, name: string): PublicKey {
  const isEd25519 = der.byteLength === 44 && SPKI_PREFIX.equals(der.subarray(0, SPKI_PREFIX.length));
  if (isEd25519) return enrolPublicKey(der.subarray(SPKI_PREFIX.length), isTest, name);
  throw new OtaError('KEY_INVALID', `${name}: is ${algorithmOf(der)}, expected an Ed25519 public key`, [
    'Run `ota keys generate --out release` to make an Ed25519 key pair.',
  ]);
}

/**
 * Reads a public key in PEM form, as `openssl pkey -pubout` writes it.
 *
 * @param name what a person would call the file
 * @throws OtaError KEY_INVALID; a private key given by mistake is named as such and never echoed
 */
export function parsePublicKeyPem(pem: string, name: string): PublicKey {
  const block = parsePem(pem, name);
  if (block.label.endsWith('PRIVATE KEY')) {
    throw new OtaError('KEY_INVALID', `${name}: is a private key, expected a public key`, [
      `Run \`ota keys public ${name}\` to write its public half, and keep the private file to yourself.`,
    ]);
  }
  if (block.label !== 'PUBLIC KEY') {
    throw new OtaError('KEY_INVALID', `${name}: the PEM block is a ${block.label}, expected a PUBLIC KEY`, [
      'Extract the key with openssl, for example `openssl x509 -in cert.pem -pubkey -noout`.',
    ]);
  }
  return enrolSpki(block.der, block.isTest, name);
}

/** Reads a public key file. @throws OtaError KEY_INVALID, NOT_FOUND, PERMISSION_DENIED */
export async function readPublicKey(path: string): Promise<PublicKey> {
  return parsePublicKeyPem((await readBounded(path, KEY_FILE_MAX_BYTES, 'key file')).toString('utf8'), path);
}

/** What to call a key whose owner gave it no other name: `ann` for `keys/ann.pub`. */
export function nameOfKeyFile(path: string): string {
  return parse(path).name.slice(0, 128);
}

/** A public key file under the name of the file. @throws OtaError as {@link readPublicKey} */
export async function readNamedKey(path: string): Promise<{ key: PublicKey; name: string }> {
  return { key: await readPublicKey(path), name: nameOfKeyFile(path) };
}

/** SPKI in PEM form; a test key carries its mark along. */
export function publicKeyPem(key: PublicKey): string {
  return encodePem({ label: 'PUBLIC KEY', der: spkiOf(key.raw), isTest: key.isTest });
}

function algorithmOf(der: Uint8Array): string {
  try {
    const type = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' }).asymmetricKeyType;
    // Ed25519 with a longer DER form: the same key under another name, so another key id.
    return type === 'ed25519' ? 'a non-canonical encoding' : `a key of type ${type?.toUpperCase()}`;
  } catch {
    return 'not a SubjectPublicKeyInfo';
  }
}
