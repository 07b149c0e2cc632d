import { execFile } from 'node:child_process';
import { hash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { testFolder } from '../support/folder.js';

const run = promisify(execFile);
const fixtures = join(import.meta.dirname, '../fixtures/packages/spec-1');

/** Nothing of ours reads here: tar, openssl and bspatch follow docs/package-format.md on their own. */
test('tar, openssl and bspatch read, verify and apply a package as the format document says', async () => {
  await using folder = await testFolder();
  await run('tar', ['xf', join(fixtures, 'movehub-3.7.0-bsdiff40.ota')], { cwd: folder.path });
  const metadataBytes = await readFile(folder.file('metadata.json'));
  const metadata = JSON.parse(metadataBytes.toString());
  const { signatures, payloadType } = JSON.parse(await readFile(folder.file('signature.json'), 'utf8'));

  const digest = hash('sha256', metadataBytes, 'buffer');
  const message = Buffer.concat([Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} 32 `), digest]);
  await writeFile(folder.file('message'), message);
  await writeFile(folder.file('sig'), Buffer.from(signatures[0].sig, 'base64'));
  const verify = ['pkeyutl', '-verify', '-rawin', '-pubin', '-inkey', join(fixtures, 'release-b.pub')];
  const { stdout } = await run('openssl', [...verify, '-in', 'message', '-sigfile', 'sig'], { cwd: folder.path });
  expect(stdout).toContain('Signature Verified Successfully');

  const spki = await run('openssl', ['pkey', '-pubin', '-in', join(fixtures, 'release-b.pub'), '-outform', 'DER'], {
    encoding: 'buffer',
  });
  expect(signatures[0].keyid).toBe(hash('sha256', spki.stdout));

  const [delta] = metadata.payloads;
  expect(hash('sha256', await readFile(folder.file(delta.file)))).toBe(delta.sha256);
  await run('bspatch', [join(fixtures, 'movehub-3.6.bin'), 'new.bin', delta.file], { cwd: folder.path });
  expect(hash('sha256', await readFile(folder.file('new.bin')))).toBe(delta.target.sha256);
});
