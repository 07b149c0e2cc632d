import { expect, test } from 'vitest';
import { offeredIntent } from '../../../src/lib/package/offered-intent.js';

const running = { digest: 'd', version: '2.0.0', sequence: 20, releaseKeyids: ['a', 'b'] };

test.each([
  [19, running, new Set(['a']), 'rollback'],
  [19, running, undefined, 'rollback'],
  [19, { ...running, releaseKeyids: undefined }, new Set(['a']), 'rollback'],
  [20, running, new Set(['a']), 'install'],
  [21, running, new Set(['a']), 'install'],
  // Everybody who could sign what runs has left: its sequence may have been set by whoever stole their keys.
  [19, running, new Set(['c']), 'install'],
  [1, undefined, new Set(['a']), 'install'],
] as const)('a package of sequence %i is judged as a way back only below what runs', (sequence, runs, keys, intent) => {
  const state = { running: runs as typeof running | undefined };
  expect(offeredIntent({ sequence }, state, { trustedKeyids: keys as ReadonlySet<string> | undefined })).toBe(intent);
});
