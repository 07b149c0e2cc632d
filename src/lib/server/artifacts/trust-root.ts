import { canonicalJson } from '../../core/canonical-json.js';
import { OtaError } from '../../core/errors.js';
import type { JsonObject } from '../../core/strict-json.js';
import { parseTrustRoot, type TrustRoot } from '../../trust/root.js';
import { followRotations, verifyRoot } from '../../trust/root-rotation.js';

const NAME = 'trust root of the tenant';

/** @throws OtaError as `parseTrustRoot` */
export function parseStoredRoot(root: JsonObject): TrustRoot {
  return parseTrustRoot(canonicalJson(root), NAME);
}

/**
 * Judges whether a tenant may trust a root from now on: the first by its own signatures alone, any other only as a
 * successor that the one before has signed. Whoever took over an operator's account can therefore not make devices
 * trust a key of their own.
 *
 * @param next null: no root at all
 * @throws OtaError ROOT_ROTATION, ROOT_EXPIRED; as `parseTrustRoot` and `verifySignatures`
 */
export function requireRotation(current: JsonObject | null, next: JsonObject | null, now: Date): void {
  if (next === null) {
    if (current === null) return;
    throw new OtaError('ROOT_ROTATION', 'a trust root is not taken away, only replaced by its successor', [
      'Make the next version with `ota trust rotate`, signed by the keys of this one.',
    ]);
  }
  const root = parseTrustRoot(canonicalJson(next), 'new trust root');
  if (current === null) {
    verifyRoot(root, { now });
    return;
  }
  const trusted = parseStoredRoot(current);
  if (trusted.signed.version === root.signed.version && Buffer.from(trusted.digest).equals(root.digest)) return;
  if (root.signed.version <= trusted.signed.version) {
    throw new OtaError(
      'ROOT_ROTATION',
      `${root.name}: is version ${root.signed.version}, expected ${trusted.signed.version + 1}`,
      ['Roots are only followed forward.'],
    );
  }
  followRotations(trusted, [{ version: root.signed.version, name: root.name, bytes: canonicalJson(next) }], { now });
}
