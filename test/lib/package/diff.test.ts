import { describe, expect, test } from 'vitest';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import { openContainer } from '../../../src/lib/package/container.js';
import { diffContents, diffPackages } from '../../../src/lib/package/diff.js';
import { inspectContainer } from '../../../src/lib/package/inspect.js';
import { smallPackage, testSigner } from '../../support/packages.js';

const image = Buffer.from('firmware '.repeat(500));
const inspect = async (...given: Parameters<typeof smallPackage>) =>
  inspectContainer(await openContainer(memoryAccess(await smallPackage(...given), 'x.ota')));

describe('diffPackages', () => {
  test('finds nothing between a package and itself', async () => {
    expect(diffPackages(await inspect(image), await inspect(image))).toEqual([]);
  });

  test('tells policy from what is said of the release', async () => {
    const changes = { releaseNotes: 'new', sequence: 3, compatible: { models: ['M100', 'M200'] } };
    expect(diffPackages(await inspect(image), await inspect(image, changes))).toEqual([
      { area: 'policy', path: 'compatible.models[1]', to: 'M200' },
      { area: 'release', path: 'releaseNotes', to: 'new' },
      { area: 'policy', path: 'sequence', from: 2, to: 3 },
    ]);
  });

  test('finds other bytes by their hashes, and other signers', async () => {
    const changed = Buffer.from(image);
    changed[7]! ^= 1;
    const found = diffPackages(await inspect(image), await inspect(changed, {}, [testSigner(2)]));
    expect(found.map(({ area, path }) => `${area} ${path}`)).toEqual([
      'payload app-full.full.sha256',
      'payload app-full.full.target.sha256',
      `signature ${testSigner(1).publicKey.keyid}`,
      `signature ${testSigner(2).publicKey.keyid}`,
    ]);
  });
});

describe('diffContents', () => {
  const open = async (bytes: Uint8Array) => inspectContainer(await openContainer(memoryAccess(bytes, 'x.ota')));

  test('finds the first byte that was damaged where metadata promises the same', async () => {
    const bytes = await smallPackage(image);
    const damaged = Buffer.from(bytes);
    damaged[damaged.length - 1024 - 512]! ^= 1;
    const [a, b] = [await open(bytes), await open(damaged)];
    expect(diffPackages(a, b)).toEqual([]);
    expect(await diffContents(a, a)).toEqual([]);
    expect(await diffContents(a, b)).toMatchObject([
      { area: 'container', path: expect.stringMatching(/^app-full.full: bytes from offset \d+ on$/) },
    ]);
  });
});
