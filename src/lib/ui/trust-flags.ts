import { Flags } from '@oclif/core';
import { allowTestKeysFlag } from './flags.js';

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
