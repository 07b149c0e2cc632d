import { OtaError } from '../core/errors.js';
import { formatTime } from './expiry.js';
import { type PublicKey, spkiOf } from './public-key.js';
import { ROOT_ROLE, requireRoleName } from './role-name.js';
import { ROOT_SPEC, type SignedRoot, type TrustRoot } from './root.js';
import { signatureNeeds } from './root-rotation.js';

/** A change to a trust root: pure, and refused with USAGE where it would leave a role unusable. */
export type RootEdit = (signed: SignedRoot) => SignedRoot;

export interface KeyDetails {
  /** Owner or purpose, for people. */
  readonly name?: string | undefined;
  readonly expiresAt?: Date | undefined;
}

export interface NewRole {
  readonly role: string;
  readonly keys: readonly { key: PublicKey; name?: string }[];
  readonly threshold: number;
}

/** Version 1 of a trust root, unsigned. @throws OtaError USAGE */
export function newRoot(roles: readonly NewRole[], expiresAt: Date): SignedRoot {
  const empty: SignedRoot = { spec: ROOT_SPEC, version: 1, expiresAt: formatTime(expiresAt), keys: {}, roles: {} };
  return roles.reduce(
    (signed, { role, keys, threshold }) =>
      setThreshold(role, threshold)(keys.reduce((grown, { key, name }) => addKey(role, key, { name })(grown), signed)),
    empty,
  );
}

/** Lets a key sign for a role, which is created (threshold 1) if it is new. */
export function addKey(role: string, key: PublicKey, { name, expiresAt }: KeyDetails = {}): RootEdit {
  requireRoleName(role);
  return (signed) => {
    const { keyids, threshold } = signed.roles[role] ?? { keyids: [], threshold: 1 };
    if (keyids.includes(key.keyid)) throw usage(`key ${key.keyid} already signs for ${role}`);
    const known = signed.keys[key.keyid];
    const entry: SignedRoot['keys'][string] = {
      algorithm: 'ed25519',
      publicKey: spkiOf(key.raw).toString('base64'),
      ...known,
      ...(name === undefined ? {} : { name }),
      ...(expiresAt === undefined ? {} : { expiresAt: formatTime(expiresAt) }),
      ...(key.isTest ? { test: true as const } : {}),
    };
    const signsRoots = role === ROOT_ROLE || signed.roles[ROOT_ROLE]?.keyids.includes(key.keyid);
    if (signsRoots && entry.expiresAt !== undefined) throw rootKeyMustNotExpire(key.keyid);
    return tidy({
      ...signed,
      keys: { ...signed.keys, [key.keyid]: entry },
      roles: { ...signed.roles, [role]: { keyids: [...keyids, key.keyid], threshold } },
    });
  };
}

/** Takes a key out of one role, or out of all. */
export function removeKey(keyid: string, role?: string): RootEdit {
  return (signed) => {
    const roles = { ...signed.roles };
    for (const name of role === undefined ? rolesOf(signed, keyid) : [requireRole(signed, role)]) {
      const { keyids, threshold } = roles[name]!;
      if (!keyids.includes(keyid)) throw usage(`key ${keyid} does not sign for ${name}`);
      const left = keyids.length - 1;
      if (left < threshold) {
        throw usage(`without key ${keyid} the role ${name} would have ${left} keys for a threshold of ${threshold}`, [
          'Replace the key with `ota trust rotate`, add another with `ota trust add`, or lower the threshold first.',
          ...(name === ROOT_ROLE ? [] : [`To end the role altogether, give --role ${name} without --key.`]),
        ]);
      }
      roles[name] = { keyids: keyids.filter((id) => id !== keyid), threshold };
    }
    return tidy({ ...signed, roles });
  };
}

/** Ends a release role: nobody may sign that product any more. */
export function removeRole(role: string): RootEdit {
  return (signed) => {
    requireRole(signed, role);
    if (role === ROOT_ROLE)
      throw usage('the role root cannot be removed, or nobody could ever replace this trust root');
    return tidy({
      ...signed,
      roles: Object.fromEntries(Object.entries(signed.roles).filter(([name]) => name !== role)),
    });
  };
}

/** Sets how many different keys of a role must sign. */
export function setThreshold(role: string, threshold: number): RootEdit {
  return (signed) => {
    const { keyids } = signed.roles[requireRole(signed, role)]!;
    if (!Number.isSafeInteger(threshold) || threshold < 1 || threshold > keyids.length) {
      throw usage(`threshold ${threshold} does not fit the role ${role}, which has ${keyids.length} keys`, [
        keyids.length === 1 ? 'Add keys first with `ota trust add`.' : `Give a threshold from 1 to ${keyids.length}.`,
      ]);
    }
    return { ...signed, roles: { ...signed.roles, [role]: { keyids, threshold } } };
  };
}

/** Puts a new key in the place of an old one, in every role it has; the new one does not inherit name or expiry. */
export function rotateKey(oldKeyid: string, key: PublicKey, details: KeyDetails = {}): RootEdit {
  return (signed) => {
    if (oldKeyid === key.keyid) throw usage(`the new key is the old one, ${oldKeyid}`);
    return rolesOf(signed, oldKeyid).reduce((changed, role) => {
      const { threshold } = changed.roles[role]!;
      const added = addKey(role, key, details)(changed);
      return setThreshold(role, threshold)(removeKey(oldKeyid, role)(added));
    }, signed);
  };
}

/** Sets when the root itself expires. */
export function setRootExpiry(expiresAt: Date): RootEdit {
  return (signed) => ({ ...signed, expiresAt: formatTime(expiresAt) });
}

/** Sets when a key expires, or that it does not. */
export function setKeyExpiry(keyid: string, expiresAt: Date | undefined): RootEdit {
  return (signed) => {
    if (rolesOf(signed, keyid).includes(ROOT_ROLE) && expiresAt) throw rootKeyMustNotExpire(keyid);
    const { expiresAt: _, ...entry } = signed.keys[keyid]!;
    const changed = expiresAt ? { ...entry, expiresAt: formatTime(expiresAt) } : entry;
    return { ...signed, keys: { ...signed.keys, [keyid]: changed } };
  };
}

/**
 * Where an edit starts: a root that has all its signatures is followed by the next version; a draft
 * that still lacks some keeps its version, and loses the signatures it has, as they no longer fit.
 *
 * @param previous version N−1 of `root`, where it is at hand
 */
export function draftAfter(root: TrustRoot, previous?: TrustRoot): { signed: SignedRoot; amends: boolean } {
  const amends = signatureNeeds(root, previous).some(({ missing }) => missing > 0);
  const version = amends ? root.signed.version : root.signed.version + 1;
  return { signed: { ...root.signed, version }, amends };
}

function rolesOf(signed: SignedRoot, keyid: string): string[] {
  const roles = Object.keys(signed.roles).filter((role) => signed.roles[role]!.keyids.includes(keyid));
  if (roles.length === 0) throw usage(`key ${keyid} is not in this trust root`);
  return roles;
}

function requireRole(signed: SignedRoot, role: string): string {
  if (Object.hasOwn(signed.roles, role)) return role;
  throw usage(`this trust root has no role ${role}`, [`It has ${Object.keys(signed.roles).join(', ')}.`]);
}

/** Sorted and without keys that no role uses, so that two ways to the same trust give the same file. */
function tidy(signed: SignedRoot): SignedRoot {
  const roles = Object.entries(signed.roles)
    .map(([name, { keyids, threshold }]) => [name, { keyids: keyids.toSorted(), threshold }] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const used = new Set(roles.flatMap(([, { keyids }]) => keyids));
  const keys = Object.entries(signed.keys)
    .filter(([keyid]) => used.has(keyid))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...signed, keys: Object.fromEntries(keys), roles: Object.fromEntries(roles) };
}

function rootKeyMustNotExpire(keyid: string): OtaError {
  return usage(`key ${keyid} signs trust roots, and such a key cannot expire by itself`, [
    'A device that was off for years must still be able to follow the rotations: replace the key with `ota trust rotate`.',
    'A release key loses its expiry with `ota trust expire ROOT never --key KEY`.',
  ]);
}

function usage(message: string, suggestions: string[] = []): OtaError {
  return new OtaError('USAGE', message, suggestions);
}
