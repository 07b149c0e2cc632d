import { formatTime } from './expiry.js';
import type { TrustRoot } from './root.js';
import type { WrittenRoot } from './root-file.js';
import { forecastExpiry } from './root-forecast.js';
import { type SignatureNeed, signatureNeeds } from './root-rotation.js';

/** What `ota trust init|add|remove|threshold|rotate|expire --json` print. */
export interface RootReport {
  out: string;
  version: number;
  expiresAt: string;
  /** SHA-256 of what is signed, hex. */
  sha256: string;
  dryRun: boolean;
  /** An unfinished draft was changed, rather than a successor started. */
  amended: boolean;
  /** Signatures that the draft had and that no longer fit. */
  dropped: number;
  /** Nobody's signature is missing any more. */
  complete: boolean;
  needs: readonly SignatureNeed[];
  /** Key ids marked as test keys. */
  testKeys: string[];
}

export function rootReport({ path, root, needs, amended, dropped }: WrittenRoot, dryRun: boolean): RootReport {
  return {
    out: path,
    version: root.signed.version,
    expiresAt: root.signed.expiresAt,
    sha256: Buffer.from(root.digest).toString('hex'),
    dryRun,
    amended,
    dropped,
    complete: needs.every(({ missing }) => missing === 0),
    needs,
    testKeys: testKeysOf(root),
  };
}

/** `draft`: signatures are missing. `self-signed`: nothing but itself vouches for it. `verified`: its predecessor does. */
export type RootState = 'draft' | 'self-signed' | 'verified';

/** What `ota trust show --json` prints. */
export interface RootView {
  file: string;
  version: number;
  expiresAt: string;
  sha256: string;
  state: RootState;
  /** The state as a sentence. */
  stateText: string;
  needs: readonly SignatureNeed[];
  keys: { keyid: string; name?: string; expiresAt?: string; test: boolean; signed: boolean }[];
  roles: { role: string; threshold: number; keyids: string[] }[];
  forecast: { what: 'root' | 'key' | 'role'; id?: string; expiresAt: string; daysLeft: number; consequence: string }[];
}

/**
 * What a trust root says, whether anything vouches for it, and when which part of it ends.
 * @throws OtaError SIGNATURE_INVALID
 */
export function viewRoot(root: TrustRoot, previous: TrustRoot | undefined, now: Date): RootView {
  const needs = signatureNeeds(root, previous);
  const signers = new Set(root.signatures.map(({ keyid }) => keyid));
  return {
    file: root.name,
    version: root.signed.version,
    expiresAt: root.signed.expiresAt,
    sha256: Buffer.from(root.digest).toString('hex'),
    ...stateOf(root, previous, needs),
    needs,
    keys: [...root.keys.values()].map(({ keyid, label, expiresAt, isTest }) => ({
      keyid,
      ...(label === undefined ? {} : { name: label }),
      ...(expiresAt === undefined ? {} : { expiresAt: formatTime(expiresAt) }),
      test: isTest,
      signed: signers.has(keyid),
    })),
    roles: [...root.roles.values()].map(({ name, threshold, keys }) => ({
      role: name,
      threshold,
      keyids: keys.map(({ keyid }) => keyid),
    })),
    forecast: forecastExpiry(root, now).map((entry) => ({ ...entry, expiresAt: formatTime(entry.expiresAt) })),
  };
}

function stateOf(
  { signed: { version } }: TrustRoot,
  previous: TrustRoot | undefined,
  needs: readonly SignatureNeed[],
): { state: RootState; stateText: string } {
  const missing = needs.reduce((sum, need) => sum + need.missing, 0);
  if (missing > 0) return { state: 'draft', stateText: 'a draft, signatures are missing' };
  if (previous) return { state: 'verified', stateText: `it follows ${previous.name}, whose root role signed it` };
  return {
    state: 'self-signed',
    stateText:
      version === 1
        ? 'the first version, signed by its own keys only; compare the key ids with their owners'
        : 'signed by its own keys only; name its predecessor with --previous to check the rotation',
  };
}

function testKeysOf(root: TrustRoot): string[] {
  return [...root.keys.values()].filter(({ isTest }) => isTest).map(({ keyid }) => keyid);
}
