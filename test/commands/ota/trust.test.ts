import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestFolder, testFolder } from '../../support/folder.js';
import { smallPackage } from '../../support/packages.js';
import { otaInProcess } from '../in-process.js';

let folder: TestFolder;
const ota = (words: string) => otaInProcess(words.split(' '), folder.path);
const done = async (words: string) => {
  const result = await ota(words);
  expect(result, words).toMatchObject({ status: 0 });
  return result.stdout;
};
const json = async (words: string) => JSON.parse(await done(`${words} --json`));
const refused = async (words: string, status: number, fact: string) => {
  const before = await folder.state();
  const result = await ota(words);
  expect(result, words).toMatchObject({ status, stdout: '', stderr: expect.stringContaining(fact) });
  expect(await folder.state()).toEqual(before);
};

beforeAll(async () => {
  folder = await testFolder();
  for (const name of ['ann', 'ben', 'ci', 'ci2']) await done(`keys generate --out ${name}`);
  await writeFile(folder.file('app.ota'), await smallPackage(Buffer.alloc(5000, 'image'), {}, []));
});
afterAll(() => folder[Symbol.asyncDispose]());

describe('the life of a trust root', () => {
  test('init: signed at once, and nobody else vouches for it', async () => {
    const report = await json('trust init --root-key ann.pub --product meter --release-key ci.pub --sign ann.key');
    expect(report).toMatchObject({ out: 'root.1.json', version: 1, complete: true, dryRun: false });
    expect(await done('trust show root.1.json')).toContain('UNVERIFIED: the first version');
    await done('sign app.ota --key ci.key --out one.ota');
    expect(await json('verify one.ota --trust root.1.json')).toMatchObject({ product: 'meter' });
  });

  test('add: the successor needs the old and the new threshold, and says who is missing', async () => {
    const report = await json('trust add root.1.json --role root --key ben.pub --threshold 2 --sign ann.key');
    expect(report).toMatchObject({ out: 'root.2.json', version: 2, complete: false });
    expect(report.needs.map(({ missing }: { missing: number }) => missing)).toEqual([0, 1]);
    expect(await json('trust show root.2.json')).toMatchObject({ state: 'draft' });
    await refused('verify one.ota --trust root.2.json', 3, 'root.2.json');
    await refused('trust add root.1.json --role root --key ben.pub', 8, 'root.2.json');
  });

  test('sign: a root key completes it, any other key is refused', async () => {
    await refused('sign root.2.json --key ci.key', 3, 'does not sign trust roots');
    expect(await done('sign root.2.json --key ben.key')).toContain('Root role of version 2: 2 of 2 signatures');
    expect(await json('trust show root.2.json')).toMatchObject({ state: 'verified' });
    await done('verify one.ota --trust root.2.json');
  });

  test('rotate: the old release key stops at once, the new one takes its place', async () => {
    await done('trust rotate root.2.json --old ci --new ci2.pub --name build-server --sign ann.key --sign ben.key');
    expect(await done('trust show root.3.json --previous root.2.json')).toMatch(/Verified.*[\s\S]*build-server/);
    await refused('verify one.ota --trust root.3.json', 3, 'signed by');
    await done('sign app.ota --key ci2.key --out two.ota');
    await done('verify two.ota --trust root.3.json');
  });

  test('a package that carries the roots is verified by a device with the first one', async () => {
    await refused('verify two.ota --trust root.1.json', 3, 'signed by');
    const image = folder.file('image.bin');
    await writeFile(image, Buffer.alloc(5000, 'image'));
    const release = '--product meter --model M1 --version 2.0.0 --sequence 2 --to image.bin --full';
    await done(`pack ${release} --sign ci2.key --root root.2.json --root root.3.json --out three.ota`);
    await done('verify three.ota --trust root.1.json');
    await done('verify three.ota --trust root.2.json');
    await done(`pack ${release} --sign ci2.key --root root.3.json --out gap.ota`);
    await refused('verify gap.ota --trust root.1.json', 3, 'expected 2');
  });

  test('threshold, remove, expire go on from there', async () => {
    await done('trust threshold root.3.json root 1 --sign ann.key --sign ben.key');
    await done('trust remove root.4.json --key ben --sign ann.key');
    await done('trust expire root.5.json 2y --sign ann.key');
    await done('trust expire root.6.json 90d --key build-server --sign ann.key');
    const { forecast, state, roles } = await json('trust show root.7.json');
    expect(state).toBe('verified');
    expect(roles).toContainEqual(expect.objectContaining({ role: 'root', threshold: 1, keyids: [expect.any(String)] }));
    expect(forecast.map(({ what, daysLeft }: { what: string; daysLeft: number }) => [what, daysLeft])).toEqual([
      ['key', 89],
      ['role', 89],
      ['root', expect.any(Number)],
    ]);
  });
});

describe('refusals leave everything as it was', () => {
  test.each([
    ['trust remove root.1.json', 2, 'nothing to remove'],
    ['trust remove root.1.json --key ann', 2, 'would have 0 keys'],
    ['trust remove root.1.json --key 00000000', 2, 'holds no key'],
    ['trust remove root.1.json --role root', 2, 'cannot be removed'],
    ['trust threshold root.1.json release:meter 2', 2, 'does not fit'],
    ['trust threshold root.1.json release:meter 0', 2, 'is not a number of keys'],
    ['trust threshold root.1.json release:meter two', 2, 'is not a number of keys'],
    ['trust expire root.1.json never', 2, 'must expire'],
    ['trust expire root.1.json 2020-01-01', 2, 'not in the future'],
    ['trust expire root.1.json 1y --key ann', 2, 'cannot expire'],
    ['trust add root.1.json --role admin --key ben.pub', 2, 'is not a role'],
    ['trust add root.1.json --role release:x --key ben.key', 3, 'is a private key'],
    ['trust add root.1.json --role release:x --key ben.pub --sign ci.key --out x.json', 3, 'does not sign trust roots'],
    ['trust add none.json --role release:x --key ben.pub', 16, 'none.json'],
    ['trust init --root-key ann.pub --root-threshold 2 --out x.json', 2, 'does not fit'],
    ['trust init --root-key ann.pub --product Meter --release-key ci.pub --out x.json', 2, 'is not a role'],
    ['trust init --root-key ann.pub --product meter --out x.json', 2, 'release-key'],
    ['trust init --root-key ann.pub', 8, 'root.1.json'],
    ['trust show app.ota', 4, 'app.ota'],
    ['trust show root.2.json --previous root.3.json', 3, 'expected 1'],
  ])('ota %s', async (words, status, fact) => {
    await refused(words, status, fact);
  });

  test('a dry run writes nothing', async () => {
    const before = await folder.state();
    await done('trust init --root-key ann.pub --out x.json --dry-run');
    await done('trust expire root.1.json 3y --sign ann.key --out x.json --dry-run');
    expect(await folder.state()).toEqual(before);
  });

  test('a root that was edited by hand', async () => {
    const text = await readFile(folder.file('root.1.json'), 'utf8');
    await writeFile(folder.file('edited.json'), text.replace(/"threshold": 1/, '"threshold": 1 '));
    await done('trust show edited.json');
    await writeFile(folder.file('edited.json'), text.replace(/"name": "ci"/, '"name": "c1"'));
    await refused('trust show edited.json', 3, 'does not fit its contents');
    await refused('trust expire edited.json 1y --out x.json', 3, 'does not fit its contents');
    await refused('verify one.ota --trust edited.json', 3, 'does not fit');
  });
});
