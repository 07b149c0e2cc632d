import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli } from '../support/cli.js';
import { type TestFolder, testFolder } from '../support/folder.js';
import { smallPackage } from '../support/packages.js';

let folder: TestFolder;
beforeEach(async () => {
  folder = await testFolder();
  await writeFile(folder.file('app.ota'), await smallPackage(Buffer.alloc(50_000, 'image'), {}, []));
});
afterEach(() => folder[Symbol.asyncDispose]());

const ota = (...args: string[]) => runCli('ota', args, { cwd: folder.path, env: { PHRASE: 'open sesame' } });
const openssl = (words: string) => promisify(execFile)('openssl', words.split(' '), { cwd: folder.path });

async function keyIdOf(file: string, ...flags: string[]): Promise<string> {
  const { status, stdout, stderr } = await ota('keys', 'inspect', file, ...flags, '--json');
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return JSON.parse(stdout).keyid;
}

describe('keys that we make', () => {
  test.each([
    ['plain', [], []],
    ['with the mark of a test key', ['--test'], []],
    ['encrypted', ['--passphrase-env', 'PHRASE'], ['-passin', 'pass:open sesame']],
  ])('openssl reads them: %s', async (_, flags, passin) => {
    await ota('keys', 'generate', '--out', 'release', ...flags);
    const run = promisify(execFile);
    const { stdout: open } = await run('openssl', ['pkey', '-in', 'release.key', ...passin, '-pubout'], {
      cwd: folder.path,
    });
    expect(await readFile(folder.file('release.pub'), 'utf8')).toContain(open);
    await openssl('pkey -pubin -in release.pub -outform DER -out release.der');
    const { stdout: digest } = await openssl('dgst -sha256 -r release.der');
    expect(digest.split(' ')[0]).toBe(await keyIdOf('release.pub'));
  });
});

describe('keys that openssl makes', () => {
  test('are read, plain and encrypted, private and public', async () => {
    await openssl('genpkey -algorithm ed25519 -out plain.key');
    await openssl('pkey -in plain.key -pubout -out plain.pub');
    await openssl(
      'pkcs8 -topk8 -in plain.key -out pbkdf2.key -v2 aes256 -passout env:PHRASE'.replace(
        'env:PHRASE',
        'pass:open_sesame',
      ),
    );
    await openssl('pkcs8 -topk8 -in plain.key -out scrypt.key -scrypt -passout pass:open_sesame');
    const keyid = await keyIdOf('plain.pub');
    expect(await keyIdOf('plain.key')).toBe(keyid);
    for (const file of ['pbkdf2.key', 'scrypt.key']) {
      const { stdout } = await runCli('ota', ['keys', 'inspect', file, '--passphrase-stdin', '--json'], {
        cwd: folder.path,
        stdin: 'open_sesame\n',
      });
      expect(JSON.parse(stdout)).toMatchObject({ keyid, encrypted: true });
    }
  });

  test('of other algorithms are refused', async () => {
    await openssl('genpkey -algorithm ed448 -out ed448.key');
    await openssl('genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key');
    for (const file of ['ed448.key', 'rsa.key']) {
      expect(await ota('keys', 'inspect', file)).toMatchObject({ status: 3, stdout: '' });
    }
  });
});

describe('openssl as the signer', () => {
  beforeEach(async () => {
    await openssl('genpkey -algorithm ed25519 -out hsm.key');
    await openssl('pkey -in hsm.key -pubout -out hsm.pub');
  });

  test.each([
    ['raw', 'openssl pkeyutl -sign -rawin -inkey hsm.key -in /dev/stdin'],
    ['base64', 'openssl pkeyutl -sign -rawin -inkey hsm.key -in /dev/stdin | openssl base64'],
    [
      'from a file of its own',
      'f=$(mktemp) && cat > "$f" && openssl pkeyutl -sign -rawin -inkey hsm.key -in "$f"; rm "$f"',
    ],
  ])('as --signer-command: %s', async (_, command) => {
    const signed = await ota('sign', 'app.ota', '--signer-command', command, '--public', 'hsm.pub');
    expect(signed).toMatchObject({ status: 0, stderr: '' });
    expect(await ota('verify', 'app.ota', '--key', 'hsm.pub')).toMatchObject({ status: 0 });
    // The same key as a file gives the same signature.
    const again = await ota('sign', 'app.ota', '--key', 'hsm.key', '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ added: [] });
  });

  test('with another key than --public names', async () => {
    await ota('keys', 'generate', '--out', 'other');
    const before = await folder.state();
    const command = 'openssl pkeyutl -sign -rawin -inkey hsm.key -in /dev/stdin';
    expect(await ota('sign', 'app.ota', '--signer-command', command, '--public', 'other.pub')).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('does not verify'),
    });
    expect(await folder.state()).toEqual(before);
  });

  test('of a signing request, with nothing of ours on that machine', async () => {
    await ota('sign', 'request', 'app.ota', '--out', 'request.json');
    const { message } = JSON.parse(await readFile(folder.file('request.json'), 'utf8'));
    await writeFile(folder.file('message.bin'), Buffer.from(message, 'base64'));
    await openssl('pkeyutl -sign -rawin -inkey hsm.key -in message.bin -out hsm.sig');
    expect(await ota('sign', 'attach', 'app.ota', 'hsm.sig', '--public', 'hsm.pub')).toMatchObject({ status: 0 });
    expect(await ota('verify', 'app.ota', '--key', 'hsm.pub')).toMatchObject({ status: 0 });
  });

  test('openssl verifies what we sign', async () => {
    await ota('sign', 'request', 'app.ota', '--out', 'request.json');
    await ota('sign', 'request.json', '--key', 'hsm.key', '--out', 'hsm.sig.json');
    const { message } = JSON.parse(await readFile(folder.file('request.json'), 'utf8'));
    const { sig } = JSON.parse(await readFile(folder.file('hsm.sig.json'), 'utf8'));
    await writeFile(folder.file('message.bin'), Buffer.from(message, 'base64'));
    await writeFile(folder.file('sig.bin'), Buffer.from(sig, 'base64'));
    const { stdout } = await openssl('pkeyutl -verify -rawin -pubin -inkey hsm.pub -in message.bin -sigfile sig.bin');
    expect(stdout).toContain('Signature Verified Successfully');
  });
});
