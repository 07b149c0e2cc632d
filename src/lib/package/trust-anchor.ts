import { canonicalJson } from '../core/canonical-json.js';
import { OtaError } from '../core/errors.js';
import type { JsonValue } from '../core/strict-json.js';
import { readPublicKey } from '../trust/public-key.js';
import { parseTrustRoot, readTrustRoot, type TrustRoot, trustRoot } from '../trust/root.js';
import { followRotations } from '../trust/root-rotation.js';
import { type Trust, trustKeys } from '../trust/trust-policy.js';
import type { Container } from './container.js';

/** What a verifier trusts before it has seen the package. */
export interface TrustAnchor {
  /** Trust after following the roots that travel with the package, if the anchor is a root. */
  forContainer(container: Pick<Container, 'name' | 'roots'>, options: TrustTime): Trust;
}

export interface TrustTime {
  now: Date;
  allowTestKeys?: boolean;
}

export interface TrustAnchorSpec {
  /** Public keys, PEM. */
  keyPaths?: readonly string[];
  /** How many of the keys must have signed. A trust root has thresholds of its own. */
  threshold?: number;
  /** The only product that may be signed for. */
  product?: string;
  trustRootPath?: string;
}

/**
 * @throws OtaError KEY_MISSING: neither a key nor a root was named; USAGE: both, or a threshold beside a root;
 *   KEY_INVALID, ROOT_INVALID, NOT_FOUND and the other failures of reading them
 */
export async function openTrustAnchor(spec: TrustAnchorSpec): Promise<TrustAnchor> {
  const { keyPaths = [], threshold, product, trustRootPath } = spec;
  if (trustRootPath !== undefined) {
    if (keyPaths.length > 0 || threshold !== undefined) {
      throw new OtaError('USAGE', 'a trust root says itself which keys and how many of them are needed', [
        'Give either --trust, or --key with --threshold.',
      ]);
    }
    return rootAnchor(await readTrustRoot(trustRootPath), product);
  }
  if (keyPaths.length === 0) {
    throw new OtaError('KEY_MISSING', 'no trusted key was given, so no signature can be checked', [
      'Add --key PUBLIC.pub or --trust root.json; `ota inspect` shows a package without trusting it.',
    ]);
  }
  const trust = trustKeys(await Promise.all(keyPaths.map(readPublicKey)), { threshold, product });
  return { forContainer: () => trust };
}

/**
 * The trust root that a device holds, as anchor.
 *
 * @param root the file as parsed JSON
 * @throws OtaError as `parseTrustRoot`
 */
export function deviceRootAnchor(root: unknown, product?: string): TrustAnchor {
  return rootAnchor(parseTrustRoot(canonicalJson(root as JsonValue), 'trust root of the device'), product);
}

/** A trust root as anchor: its successors in a package are followed step by step. */
export function rootAnchor(root: TrustRoot, product?: string): TrustAnchor {
  return {
    forContainer({ name, roots }, { now, allowTestKeys }) {
      const successors = roots.map(({ version, bytes }) => ({ version, bytes, name: `${name}:root.${version}.json` }));
      const trust = trustRoot(followRotations(root, successors, { now, allowTestKeys }));
      return product === undefined ? trust : onlyFor(product, trust);
    },
  };
}

function onlyFor(product: string, trust: Trust): Trust {
  const role = trust.roleFor(product);
  return {
    ...trust,
    releaseRoles: role === undefined ? [] : [role],
    roleFor: (wanted) => (wanted === product ? role : undefined),
  };
}
