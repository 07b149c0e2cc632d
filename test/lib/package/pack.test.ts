import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { type PackRequest, packPackage } from '../../../src/lib/package/pack.js';
import { testFolder } from '../../support/folder.js';
import { BSDF2_DELTAS, testSigner } from '../../support/packages.js';

const request = (path: string, outPath: string): PackRequest => ({
  release: {
    spec: 'ota-fleet/1',
    product: 'meter',
    compatible: { models: ['M100'] },
    version: '1.0.0',
    sequence: 1,
    securityCounter: 0,
  },
  components: [{ component: 'app', target: { name: 'app.bin', path, version: '1.0.0' }, bases: [], full: true }],
  deltas: BSDF2_DELTAS,
  signers: [testSigner(1)],
  roots: [],
  outPath,
  split: false,
  checkReproducible: false,
  force: false,
  dryRun: false,
});

describe('packPackage', () => {
  test('leaves nothing when an image changes between hashing and writing', async () => {
    await using folder = await testFolder();
    const image = folder.file('app.bin');
    await writeFile(image, Buffer.alloc(100_000, 1));
    const meddling = testSigner(1);
    const signers = [
      {
        ...meddling,
        sign: async (message: Uint8Array) => {
          await writeFile(image, Buffer.alloc(100_000, 2));
          return meddling.sign(message);
        },
      },
    ];
    const packing = packPackage({ ...request(image, folder.file('x.ota')), signers });
    await expect(packing).rejects.toMatchObject({ code: 'PAYLOAD_MISMATCH' });
    expect(Object.keys(await folder.state())).toEqual([image]);
  });

  test('refuses an input that differs between two builds when it checks for reproducibility', async () => {
    await using folder = await testFolder();
    const image = folder.file('app.bin');
    await writeFile(image, Buffer.alloc(100_000, 1));
    let builds = 0;
    const changing = {
      component: 'app',
      get target() {
        return { name: 'app.bin', path: image, version: `${++builds}.0.0` };
      },
      bases: [],
      full: true,
    };
    const once = request(image, folder.file('x.ota'));
    const packing = packPackage({ ...once, components: [changing], checkReproducible: true });
    await expect(packing).rejects.toMatchObject({ code: 'NOT_REPRODUCIBLE' });
    expect(Object.keys(await folder.state())).toEqual([image]);
  });
});
