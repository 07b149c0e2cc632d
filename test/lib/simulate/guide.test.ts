import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { INVARIANTS } from '../../../src/lib/simulate/invariants.js';

const GUIDE = new URL('../../../docs/guides/simulate.md', import.meta.url);

test('the guide promises what the explorer checks, in the same words', async () => {
  const rows = (await readFile(GUIDE, 'utf8')).matchAll(/^\| `([a-z-]+)` \| (.+) \|$/gm);
  const promised = Object.fromEntries([...rows].map(([, name, promise]) => [name, promise]));
  expect(promised).toMatchObject(INVARIANTS);
});
