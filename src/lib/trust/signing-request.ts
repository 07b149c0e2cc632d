import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { OtaError } from '../core/errors.js';
import { checkSchema } from '../core/schema.js';
import { type JsonValue, parseStrictJson } from '../core/strict-json.js';
import { isSignatureBy, METADATA_PAYLOAD_TYPE, pae, ROOT_PAYLOAD_TYPE, type Signature } from './dsse.js';
import { enrolSpki, type PublicKey, spkiOf } from './public-key.js';

export const SIGNING_REQUEST_SPEC = 'ota-fleet-signing-request/1';
export const DETACHED_SIGNATURE_SPEC = 'ota-fleet-signature/1';
/** Carries up to 1 MiB of metadata or trust root in base64. */
export const SIGNING_REQUEST_MAX_BYTES = 2 * 1024 ** 2;
export const DETACHED_SIGNATURE_MAX_BYTES = 4096;

export type SignablePayloadType = typeof METADATA_PAYLOAD_TYPE | typeof ROOT_PAYLOAD_TYPE;

/** What travels to the machine that holds the key: everything it needs to see and check what it signs. */
export interface SigningRequest {
  readonly payloadType: SignablePayloadType;
  /** What the file was called where the request was made. */
  readonly subject: string;
  /** SHA-256 of `content`, 32 bytes. */
  readonly digest: Uint8Array;
  /** metadata.json, or the canonical form of a trust root's `signed` part. */
  readonly content: Uint8Array;
}

/** A signature as a file of its own, with the key that made it. */
export interface DetachedSignature {
  readonly payloadType: SignablePayloadType;
  readonly digest: Uint8Array;
  readonly publicKey: PublicKey;
  readonly signature: Signature;
}

const payloadType = z.enum([METADATA_PAYLOAD_TYPE, ROOT_PAYLOAD_TYPE]);
const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/, 'expected 64 lowercase hex digits'));

const requestFile = z.strictObject({
  spec: z.literal(SIGNING_REQUEST_SPEC),
  subject: z.string().check(z.maxLength(1024)),
  payloadType,
  sha256,
  message: z.base64(),
  content: z.base64(),
  unverified: z.array(z.string()),
});

const signatureFile = z.strictObject({
  spec: z.literal(DETACHED_SIGNATURE_SPEC),
  payloadType,
  sha256,
  keyid: sha256,
  publicKey: z.base64(),
  test: z.optional(z.literal(true)),
  sig: z.base64(),
});

/**
 * The request as a file. `message` is exactly what a plain Ed25519 signer has to sign; `unverified`
 * says in words what that is, for people: tools read `content`, whose SHA-256 is being signed.
 */
export function encodeSigningRequest(request: SigningRequest, words: readonly string[]): Buffer {
  return jsonFile({
    spec: SIGNING_REQUEST_SPEC,
    subject: request.subject,
    unverified: [...words],
    payloadType: request.payloadType,
    sha256: Buffer.from(request.digest).toString('hex'),
    message: pae(request.payloadType, request.digest).toString('base64'),
    content: Buffer.from(request.content).toString('base64'),
  });
}

/**
 * Reads a request on the machine that holds the key. It signs nothing it cannot see: the digest must
 * be that of the content, and the message the one that follows from both.
 *
 * @throws OtaError SIGNING_REQUEST_INVALID, JSON_INVALID, LIMIT_EXCEEDED
 */
export function parseSigningRequest(bytes: Uint8Array, name: string): SigningRequest {
  const file = checkSchema(requestFile, parseStrictJson(bytes, { name, maxBytes: SIGNING_REQUEST_MAX_BYTES }), {
    code: 'SIGNING_REQUEST_INVALID',
    name,
  });
  const content = Buffer.from(file.content, 'base64');
  const digest = createHash('sha256').update(content).digest();
  if (digest.toString('hex') !== file.sha256) {
    throw invalid(name, `its content has SHA-256 ${digest.toString('hex')}, but it asks to sign ${file.sha256}`);
  }
  if (pae(file.payloadType, digest).toString('base64') !== file.message) {
    throw invalid(name, 'its message is not the one that follows from its content');
  }
  return { payloadType: file.payloadType, subject: file.subject, digest, content };
}

/** A detached signature as a file. */
export function encodeDetachedSignature({
  payloadType: type,
  digest,
  publicKey,
  signature,
}: DetachedSignature): Buffer {
  return jsonFile({
    spec: DETACHED_SIGNATURE_SPEC,
    payloadType: type,
    sha256: Buffer.from(digest).toString('hex'),
    keyid: publicKey.keyid,
    publicKey: spkiOf(publicKey.raw).toString('base64'),
    ...(publicKey.isTest ? { test: true } : {}),
    sig: Buffer.from(signature.sig).toString('base64'),
  });
}

/**
 * Reads a detached signature and verifies it under the key it names. Whether that key is trusted is
 * for `verify` to say.
 *
 * @throws OtaError SIGNING_REQUEST_INVALID, JSON_INVALID, LIMIT_EXCEEDED, KEY_INVALID, SIGNATURE_INVALID
 */
export function parseDetachedSignature(bytes: Uint8Array, name: string): DetachedSignature {
  const file = checkSchema(signatureFile, parseStrictJson(bytes, { name, maxBytes: DETACHED_SIGNATURE_MAX_BYTES }), {
    code: 'SIGNING_REQUEST_INVALID',
    name,
  });
  const publicKey = enrolSpki(Buffer.from(file.publicKey, 'base64'), file.test === true, name);
  if (publicKey.keyid !== file.keyid) throw invalid(name, `keyid is ${file.keyid}, but its key has ${publicKey.keyid}`);
  const digest = Buffer.from(file.sha256, 'hex');
  const sig = Buffer.from(file.sig, 'base64');
  if (!isSignatureBy(publicKey, file.payloadType, digest, sig)) {
    throw new OtaError('SIGNATURE_INVALID', `${name}: its signature does not verify under key ${publicKey.keyid}`, [
      'Sign the request again.',
    ]);
  }
  return { payloadType: file.payloadType, digest, publicKey, signature: { keyid: publicKey.keyid, sig } };
}

function jsonFile(value: JsonValue): Buffer {
  return Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
}

function invalid(name: string, fact: string): OtaError {
  return new OtaError('SIGNING_REQUEST_INVALID', `${name}: ${fact}`, [
    'Make the request again with `ota sign request`.',
  ]);
}
