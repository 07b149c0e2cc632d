import { canonicalJson } from '../core/canonical-json.js';
import { OtaError } from '../core/errors.js';
import { type JsonValue, parseStrictJson } from '../core/strict-json.js';
import { SIGNATURE_BYTES, verifyEd25519 } from './ed25519.js';
import type { PublicKey } from './public-key.js';
import type { Signer } from './signer.js';

/** Payload type of a package signature: the payload is the 32-byte SHA-256 of metadata.json. */
export const METADATA_PAYLOAD_TYPE = 'application/vnd.ota-fleet.metadata-sha256';
/** Payload type of a trust root signature: the payload is the SHA-256 of the RFC 8785 form of `signed`. */
export const ROOT_PAYLOAD_TYPE = 'application/vnd.ota-fleet.root-sha256';

/** Signatures of one envelope, at most. */
export const MAX_SIGNATURES = 32;
/** 32 signatures take about 6 KiB. */
export const SIGNATURE_FILE_MAX_BYTES = 16 * 1024;

export interface Signature {
  /** SHA-256 of the signing key's SubjectPublicKeyInfo, 64 lowercase hex digits. */
  readonly keyid: string;
  /** 64 bytes: R and S (RFC 8032 §5.1.6). */
  readonly sig: Uint8Array;
}

export interface SignatureEnvelope {
  readonly payloadType: string;
  /** Sorted by key id, each key id once, at most {@link MAX_SIGNATURES}; may be empty. */
  readonly signatures: readonly Signature[];
}

/**
 * The bytes that are signed: DSSE v1 pre-authentication encoding.
 *
 * The payload type is part of them, so that a signature over a trust root can
 * never be passed off as one over a package.
 *
 * @see https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md
 */
export function pae(payloadType: string, payload: Uint8Array): Buffer {
  const type = Buffer.from(payloadType, 'utf8');
  return Buffer.concat([
    Buffer.from(`DSSEv1 ${type.byteLength} `),
    type,
    Buffer.from(` ${payload.byteLength} `),
    payload,
  ]);
}

/** Is this signature one of `key` over `digest`? Strict RFC 8032. */
export function isSignatureBy(key: PublicKey, payloadType: string, digest: Uint8Array, sig: Uint8Array): boolean {
  return verifyEd25519(key.raw, pae(payloadType, digest), sig);
}

/**
 * Signs a digest and checks the result before anybody can use it: a wrong key
 * behind a signer command, or a fault while computing, must not leave the house.
 *
 * @param digest SHA-256, 32 bytes
 * @throws OtaError SIGNER_FAILED when the signature does not verify under `signer.publicKey`
 */
export async function createSignature(
  payloadType: string,
  digest: Uint8Array,
  signer: Signer,
  signal?: AbortSignal,
): Promise<Signature> {
  const { publicKey } = signer;
  const sig = await signer.sign(pae(payloadType, digest), signal);
  if (!isSignatureBy(publicKey, payloadType, digest, sig)) {
    throw new OtaError('SIGNER_FAILED', `the signer's signature does not verify under key ${publicKey.keyid}`, [
      'Check that --public names the public half of the key that the signer command uses.',
      'The command must sign the bytes themselves (pure Ed25519), not their hash.',
    ]);
  }
  return { keyid: publicKey.keyid, sig };
}

/** Both sets of signatures, sorted; the same key keeps the one in `added`. @throws OtaError LIMIT_EXCEEDED past 32 */
export function mergeSignatures(existing: readonly Signature[], added: readonly Signature[]): Signature[] {
  const byKeyId = new Map([...existing, ...added].map((signature) => [signature.keyid, signature]));
  if (byKeyId.size > MAX_SIGNATURES) {
    throw new OtaError('LIMIT_EXCEEDED', `${byKeyId.size} signatures, at most ${MAX_SIGNATURES} are allowed`);
  }
  return [...byKeyId.values()].sort((a, b) => (a.keyid < b.keyid ? -1 : 1));
}

/** signature.json as bytes: RFC 8785 canonical JSON. */
export function encodeSignatureEnvelope({ payloadType, signatures }: SignatureEnvelope): Buffer {
  return canonicalJson({ payloadType, signatures: signaturesToJson(signatures) });
}

export function signaturesToJson(signatures: readonly Signature[]): JsonValue {
  return signatures.map(({ keyid, sig }) => ({ keyid, sig: Buffer.from(sig).toString('base64') }));
}

/**
 * Reads signature.json. Nothing is verified yet.
 *
 * @param payloadType the only type accepted here
 * @throws OtaError SIGNATURE_FILE_INVALID for wrong framing (also any byte that is not canonical),
 *   SIGNATURE_INVALID where a `sig` is no Ed25519 signature at all
 */
export function parseSignatureEnvelope(bytes: Uint8Array, payloadType: string, name: string): SignatureEnvelope {
  const json = parseStrictJson(bytes, { name, maxBytes: SIGNATURE_FILE_MAX_BYTES });
  const fields = fieldsOf(json, ['payloadType', 'signatures'], name);
  if (fields.payloadType !== payloadType) {
    throw invalid(name, `payloadType is ${JSON.stringify(fields.payloadType)}, expected "${payloadType}"`);
  }
  const signatures = parseSignatures(fields.signatures, name, () => {
    if (!canonicalJson(json).equals(bytes)) throw invalid(name, 'is not in canonical form (RFC 8785)');
  });
  return { payloadType, signatures };
}

/**
 * Reads a `signatures` array: framing of all first (status 4), then the values of `sig` (status 3).
 * @param afterFraming a further check of framing to make in between
 */
export function parseSignatures(json: JsonValue | undefined, name: string, afterFraming = () => {}): Signature[] {
  if (!Array.isArray(json)) throw invalid(name, 'signatures is not a list');
  if (json.length > MAX_SIGNATURES) throw invalid(name, `${json.length} signatures, at most ${MAX_SIGNATURES}`);
  let previous = '';
  const entries = json.map((entry, index) => {
    const { keyid, sig } = fieldsOf(entry, ['keyid', 'sig'], `${name}: signatures[${index}]`);
    if (typeof keyid !== 'string' || !/^[0-9a-f]{64}$/.test(keyid)) {
      throw invalid(name, `signatures[${index}].keyid is not 64 lowercase hex digits`);
    }
    if (typeof sig !== 'string') throw invalid(name, `signatures[${index}].sig is not a string`);
    // One key counted twice must not reach a threshold of two.
    if (keyid === previous) throw invalid(name, `signatures[${index}]: key ${keyid} appears twice`);
    if (keyid < previous) throw invalid(name, `signatures[${index}]: key ids are not sorted`);
    previous = keyid;
    return { keyid, sig };
  });
  afterFraming();
  return entries.map(({ keyid, sig }) => ({ keyid, sig: signatureBytes(sig, keyid, name) }));
}

function signatureBytes(base64: string, keyid: string, name: string): Uint8Array {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.byteLength === SIGNATURE_BYTES && bytes.toString('base64') === base64) return bytes;
  throw new OtaError(
    'SIGNATURE_INVALID',
    `${name}: the signature of key ${keyid} is not ${SIGNATURE_BYTES} bytes in padded base64`,
    ['Sign the package again with `ota sign`.'],
  );
}

function fieldsOf(json: JsonValue | undefined, names: string[], where: string): Record<string, JsonValue | undefined> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw invalid(where, 'is not an object');
  const unknown = Object.keys(json).find((field) => !names.includes(field));
  if (unknown !== undefined) throw invalid(where, `unknown field ${JSON.stringify(unknown)}`);
  return json;
}

function invalid(name: string, fact: string): OtaError {
  return new OtaError('SIGNATURE_FILE_INVALID', `${name}: ${fact}`, [
    'The package was damaged or altered; get it again from its publisher.',
  ]);
}
