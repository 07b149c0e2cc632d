import { expect, test } from 'vitest';
import { throwAwayRoot } from '../../../src/lib/simulate/throw-away-root.js';
import { parseTrustRoot, trustRoot } from '../../../src/lib/trust/root.js';
import { verifyRoot } from '../../../src/lib/trust/root-rotation.js';
import { testSigner } from '../../support/packages.js';

const keys = [testSigner(1).publicKey, testSigner(2).publicKey];

test('a root for plain keys is sound, trusts them for the product alone, and needs as many as were asked for', async () => {
  const root = parseTrustRoot(await throwAwayRoot({ product: 'meter', keys, threshold: 2 }), 'made');
  verifyRoot(root, { now: new Date('2126-01-01T00:00:00Z') });
  const trust = trustRoot(root);
  expect(trust.releaseRoles).toHaveLength(1);
  const role = trust.roleFor('meter')!;
  expect(role.keys.map(({ keyid }) => keyid).sort()).toEqual(keys.map(({ keyid }) => keyid).sort());
  expect(role.threshold).toBe(2);
});

test('the same keys give the same root', async () => {
  const [one, other] = [
    await throwAwayRoot({ product: 'meter', keys }),
    await throwAwayRoot({ product: 'meter', keys }),
  ];
  expect(one.equals(other)).toBe(true);
});

test('a key given twice counts once', async () => {
  const twice = throwAwayRoot({ product: 'meter', keys: [keys[0]!, keys[0]!], threshold: 2 });
  await expect(twice).rejects.toMatchObject({ code: 'USAGE' });
});
