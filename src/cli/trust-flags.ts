import { Flags } from '@oclif/core';
import type { TrustAnchorSpec } from '../lib/package/trust-anchor.js';
import { allowTestKeysFlag } from '../lib/ui/flags.js';

/** Whom to believe: plain keys, or a trust root with roles and thresholds. */
export const trustFlags = {
  key: Flags.file({
    char: 'k',
    summary: 'Trusted public key, PEM. Repeatable.',
    helpValue: 'FILE',
    multiple: true,
    multipleNonGreedy: true,
    exclusive: ['trust'],
  }),
  threshold: Flags.integer({
    summary: 'Trusted keys that must have signed.',
    helpValue: 'N',
    min: 1,
    exclusive: ['trust'],
  }),
  trust: Flags.file({
    summary: 'Trust root with roles and thresholds.',
    helpValue: 'FILE',
    exclusive: ['key', 'threshold'],
  }),
  product: Flags.string({ summary: 'The only product that the keys may sign for.', helpValue: 'NAME' }),
  'allow-test-keys': allowTestKeysFlag,
};

/** The same in words of the library. */
export function trustAnchorSpec(flags: {
  key?: string[];
  threshold?: number;
  trust?: string;
  product?: string;
}): TrustAnchorSpec {
  return { keyPaths: flags.key, threshold: flags.threshold, product: flags.product, trustRootPath: flags.trust };
}
