import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { type PackRequest, packPackage } from '../../../src/lib/package/pack.js';
import { type TestFolder, testFolder } from '../../support/folder.js';
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

describe('the progress of packing', () => {
  const images = async (folder: TestFolder) => {
    const sizes = { 'app-1.bin': 3000, 'app-2.bin': 2500, 'app.bin': 4000, 'modem-1.bin': 500, 'modem.bin': 1000 };
    for (const [name, size] of Object.entries(sizes)) {
      await writeFile(folder.file(name), Buffer.alloc(size, `image of ${name}`));
    }
    return (name: string) => ({ name, path: folder.file(name), version: '1.0.0' });
  };

  test.each<[what: string, changed: Partial<PackRequest>, passes: number]>([
    ['one piece of work', {}, 1],
    [
      'one piece of work where several formats are tried',
      { deltas: { ...BSDF2_DELTAS, format: 'auto', repack: true } },
      1,
    ],
    ['twice the work to check for reproducibility', { checkReproducible: true }, 2],
  ])('counts the deltas of all components and bases as %s', async (_, changed, passes) => {
    await using folder = await testFolder();
    const image = await images(folder);
    const seen: [done: number, total: number][] = [];
    await packPackage({
      ...request(folder.file('app.bin'), folder.file('x.ota')),
      components: [
        { component: 'app', target: image('app.bin'), bases: [image('app-1.bin'), image('app-2.bin')], full: false },
        { component: 'modem', target: image('modem.bin'), bases: [image('modem-1.bin')], full: false },
      ],
      ...changed,
      onProgress: (done, total) => seen.push([done, total]),
    });
    const total = passes * (2 * 4000 + 1000);
    expect(new Set(seen.map(([, of]) => of))).toEqual(new Set([total]));
    const done = seen.map(([bytes]) => bytes);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    expect(done.at(-1)).toBe(total);
    expect(done.filter((bytes) => bytes < total).length).toBeGreaterThan(2);
  });
});
