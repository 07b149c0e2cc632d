import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { canonicalJson } from '../core/canonical-json.js';
import { OtaError } from '../core/errors.js';
import { readBounded } from '../core/file-access.js';
import { checkSchema } from '../core/schema.js';
import { type JsonValue, parseStrictJson } from '../core/strict-json.js';
import { parseSignatures, type Signature, signaturesToJson } from './dsse.js';
import { enrolSpki } from './public-key.js';
import { productOf, ROOT_ROLE } from './role-name.js';
import type { Trust, TrustedKey, TrustRole } from './trust-policy.js';

export const ROOT_SPEC = 'ota-fleet-root/1';
/** Size of a trust root file, at most. */
export const ROOT_MAX_BYTES = 1024 ** 2;
/** Keys of one trust root, at most: each takes milliseconds to enrol. */
export const ROOT_MAX_KEYS = 64;
/** `root.N.json` inside a package has room for nine digits. */
const MAX_VERSION = 999_999_999;

const keyid = z.string().check(z.regex(/^[0-9a-f]{64}$/, 'expected 64 lowercase hex digits'));
const utcTime = z.iso.datetime({ error: 'expected a UTC time such as 2027-01-31T12:00:00Z' });

const signedRoot = z.strictObject({
  spec: z.literal(ROOT_SPEC),
  version: z.int().check(z.minimum(1), z.maximum(MAX_VERSION)),
  expiresAt: utcTime,
  keys: z.record(
    keyid,
    z.strictObject({
      algorithm: z.literal('ed25519'),
      publicKey: z.base64(),
      name: z.optional(z.string().check(z.minLength(1), z.maxLength(128))),
      expiresAt: z.optional(utcTime),
      test: z.optional(z.literal(true)),
    }),
  ),
  roles: z.record(
    z.string(),
    z.strictObject({ keyids: z.array(keyid).check(z.minLength(1)), threshold: z.int().check(z.minimum(1)) }),
  ),
});

/** The part of a trust root that is signed, as it stands in the file. */
export type SignedRoot = z.output<typeof signedRoot>;

/** A trust root whose form is sound. Its signatures are checked by `verifyRoot` and `verifyRotation`. */
export interface TrustRoot {
  /** What a person would call the file. */
  readonly name: string;
  readonly signed: SignedRoot;
  /** SHA-256 of the RFC 8785 form of `signed`, 32 bytes: what the signatures are over. */
  readonly digest: Uint8Array;
  readonly signatures: readonly Signature[];
  /** Every key, enrolled, by key id. */
  readonly keys: ReadonlyMap<string, TrustedKey>;
  /** Every role by name; `root` is always among them. */
  readonly roles: ReadonlyMap<string, TrustRole>;
}

/**
 * Reads a trust root file: strict JSON `{"signed": {…}, "signatures": […]}`, which may be indented
 * for review, since what is signed is the canonical form of `signed`.
 *
 * Nothing is verified here but the form: sizes, names, that each key id is the hash of its key, that
 * every key may be enrolled, that thresholds can be met.
 *
 * @throws OtaError JSON_INVALID, LIMIT_EXCEEDED, ROOT_INVALID, KEY_INVALID, SIGNATURE_FILE_INVALID, SIGNATURE_INVALID
 * @see docs/package-format.md, "Trust roots"
 */
export function parseTrustRoot(bytes: Uint8Array, name: string): TrustRoot {
  const json = parseStrictJson(bytes, { name, maxBytes: ROOT_MAX_BYTES });
  if (typeof json !== 'object' || json === null || Array.isArray(json) || !('signed' in json)) {
    throw rootInvalid(name, 'has no "signed" part, expected {"signed": {…}, "signatures": […]}');
  }
  const stranger = Object.keys(json).find((field) => field !== 'signed' && field !== 'signatures');
  if (stranger !== undefined) throw rootInvalid(name, `unknown field ${JSON.stringify(stranger)}`);
  return makeTrustRoot(json.signed!, parseSignatures(json.signatures, name), name);
}

/** Reads a trust root file. @throws OtaError as {@link parseTrustRoot}, NOT_FOUND, PERMISSION_DENIED, IO_FAILED */
export async function readTrustRoot(path: string): Promise<TrustRoot> {
  return parseTrustRoot(await readBounded(path, ROOT_MAX_BYTES, 'trust root'), path);
}

/** A trust root from its parts, checked as {@link parseTrustRoot} does. */
export function makeTrustRoot(json: JsonValue, signatures: readonly Signature[], name: string): TrustRoot {
  const signed = checkSchema(signedRoot, json, { code: 'ROOT_INVALID', name });
  if (Object.keys(signed.keys).length > ROOT_MAX_KEYS) {
    throw rootInvalid(name, `has ${Object.keys(signed.keys).length} keys, at most ${ROOT_MAX_KEYS} are allowed`);
  }
  const keys = new Map(Object.entries(signed.keys).map(([id, entry]) => [id, enrolEntry(id, entry, name)]));
  const roles = new Map(Object.entries(signed.roles).map(([role, entry]) => [role, makeRole(role, entry, keys, name)]));
  if (!roles.has(ROOT_ROLE)) throw rootInvalid(name, 'has no role "root", so nobody could ever replace it');
  const digest = createHash('sha256').update(canonicalJson(signed)).digest();
  return { name, signed, digest, signatures, keys, roles };
}

/** The file: indented JSON, which a person can review and a version control system can compare. */
export function encodeTrustRoot({ signed, signatures }: Pick<TrustRoot, 'signed' | 'signatures'>): Buffer {
  return Buffer.from(`${JSON.stringify({ signed, signatures: signaturesToJson(signatures) }, null, 2)}\n`);
}

/** Trusts what a root says. Check the root first: `verifyRoot` or `followRotations`. */
export function trustRoot({ signed, roles }: TrustRoot): Trust {
  return {
    expiresAt: new Date(signed.expiresAt),
    releaseRoles: [...roles.values()].filter(({ name }) => name !== ROOT_ROLE),
    roleFor: (product) => roles.get(`release:${product}`),
  };
}

function enrolEntry(id: string, entry: SignedRoot['keys'][string], name: string): TrustedKey {
  const where = `${name}: key ${id}`;
  const key = enrolSpki(Buffer.from(entry.publicKey, 'base64'), entry.test === true, where);
  // An entry under a name of its own choosing could count twice toward a threshold.
  if (key.keyid !== id) throw rootInvalid(name, `key ${id} holds the key whose id is ${key.keyid}`);
  return {
    ...key,
    ...(entry.name === undefined ? {} : { label: entry.name }),
    ...(entry.expiresAt === undefined ? {} : { expiresAt: new Date(entry.expiresAt) }),
  };
}

function makeRole(
  role: string,
  { keyids, threshold }: SignedRoot['roles'][string],
  keys: ReadonlyMap<string, TrustedKey>,
  name: string,
): TrustRole {
  if (role !== ROOT_ROLE && productOf(role) === undefined) {
    throw rootInvalid(name, `${JSON.stringify(role)} is not a role, expected "root" or "release:PRODUCT"`);
  }
  if (new Set(keyids).size !== keyids.length) throw rootInvalid(name, `role ${role} lists a key twice`);
  if (threshold > keyids.length) {
    throw rootInvalid(name, `role ${role} needs ${threshold} signatures but has ${keyids.length} keys`);
  }
  const roleKeys = keyids.map((id) => {
    const key = keys.get(id);
    if (!key) throw rootInvalid(name, `role ${role} lists key ${id}, which "keys" does not hold`);
    // A device that slept for years must still be able to follow the rotations: only a new root retires a root key.
    if (role === ROOT_ROLE && key.expiresAt) throw rootInvalid(name, `key ${id} signs roots, so it must not expire`);
    return key;
  });
  return { name: role, keys: roleKeys, threshold };
}

function rootInvalid(name: string, fact: string): OtaError {
  return new OtaError('ROOT_INVALID', `${name}: ${fact}`, [
    'Get the trust root again from its owner, and change it only with the `ota trust` commands.',
  ]);
}
