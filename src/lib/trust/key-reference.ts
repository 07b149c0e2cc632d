import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import { readPublicKey } from './public-key.js';
import type { TrustRoot } from './root.js';

/**
 * Finds a key of a trust root as people name it: by key id, by its first 8 or more digits, by the
 * name it has in the root, or by its public key file.
 *
 * @returns key id
 * @throws OtaError USAGE when no key, or more than one, is meant; as `readPublicKey`
 */
export async function findKey(root: TrustRoot, reference: string): Promise<string> {
  const matches = [...root.keys.values()].filter(
    ({ keyid, label }) => label === reference || (/^[0-9a-f]{8,64}$/.test(reference) && keyid.startsWith(reference)),
  );
  if (matches.length === 1) return matches[0]!.keyid;
  if (matches.length > 1) {
    throw new OtaError('USAGE', `"${escapeText(reference)}" means ${matches.length} keys of ${root.name}`, [
      `Give the key id: ${matches.map(({ keyid }) => keyid).join(' or ')}.`,
    ]);
  }
  if (/^[0-9a-f]{8,64}$/.test(reference)) throw notThere(root, reference);
  const { keyid } = await readPublicKey(reference).catch((error: unknown) => {
    throw error instanceof OtaError && error.code === 'NOT_FOUND' ? notThere(root, reference) : error;
  });
  if (root.keys.has(keyid)) return keyid;
  throw notThere(root, `${reference} (${keyid})`);
}

function notThere(root: TrustRoot, reference: string): OtaError {
  return new OtaError('USAGE', `${root.name}: holds no key ${escapeText(reference)}`, [
    `See its keys with \`ota trust show ${root.name}\`.`,
  ]);
}
