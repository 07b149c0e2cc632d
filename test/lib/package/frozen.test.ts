import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openFile } from '../../../src/lib/core/file-access.js';
import { openAuthenticPackage } from '../../../src/lib/package/open-package.js';
import { targetBytes } from '../../../src/lib/package/target-bytes.js';
import { openTrustAnchor } from '../../../src/lib/package/trust-anchor.js';
import { selectForBases, verifyPayloads } from '../../../src/lib/package/verify.js';
import { realFirmware } from '../../support/firmware.js';

const folder = join(import.meta.dirname, '../../fixtures/packages/spec-1');
const time = { now: new Date('2026-12-01T00:00:00Z'), allowTestKeys: true };

describe.each([
  ['movehub-3.7.0-bsdf2.ota', '7133f23881df5ce6ff1985a966750130897580c9fcc1be587747d9bceff6db84'],
  ['movehub-3.7.0-bsdiff40.ota', '7e84198871d792b8880aade64d23e9fb0341d4caa2e70fc838faf7b4d289d21c'],
])('the frozen package %s', (file, digest) => {
  test.each([{ trustRootPath: join(folder, 'root.1.json') }, { keyPaths: [join(folder, 'release-b.pub')] }])(
    'is still what it was under %o',
    async (trust) => {
      const anchor = await openTrustAnchor(trust);
      await using opened = await openAuthenticPackage(join(folder, file), { anchor, ...time });
      expect(opened.pkg.digest).toBe(digest);
      await verifyPayloads(opened.pkg.payloads);
    },
  );

  test('still makes the published firmware', async () => {
    const anchor = await openTrustAnchor({ trustRootPath: join(folder, 'root.1.json') });
    await using opened = await openAuthenticPackage(join(folder, file), { anchor, ...time });
    await using base = await openFile(join(folder, 'movehub-3.6.bin'));
    const bases = new Map([['app', base]]);
    const [app, boot] = await selectForBases(opened.pkg, bases);
    const made: Buffer[] = [];
    for await (const chunk of targetBytes(app!, base)) made.push(Buffer.from(chunk));
    expect(hash('sha256', Buffer.concat(made))).toBe(hash('sha256', (await realFirmware('movehub')).new));
    for await (const _ of targetBytes(boot!, undefined));
  });
});

test('the documented hexdump is that of the frozen package', async () => {
  const documented = await readFile(join(import.meta.dirname, '../../../docs/package-format.md'), 'utf8');
  const bytes = await readFile(join(folder, 'movehub-3.7.0-bsdf2.ota'));
  const lines = [...documented.matchAll(/^([0-9a-f]{8}) {2}((?:[0-9a-f]{2} ?){1,16})/gm)];
  expect(lines.length).toBeGreaterThan(20);
  for (const [, offset, hex] of lines) {
    const expected = Buffer.from(hex!.replaceAll(' ', ''), 'hex');
    const at = Number.parseInt(offset!, 16);
    expect(bytes.subarray(at, at + expected.length).toString('hex'), offset).toBe(expected.toString('hex'));
  }
});
