import { chmod, readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { generatePrivateKey, privateKeyPem } from '../../../src/lib/trust/private-key.js';
import { publicKeyPem } from '../../../src/lib/trust/public-key.js';
import { type CliOptions, runCli } from '../../support/cli.js';
import { type TestFolder, testFolder } from '../../support/folder.js';
import { smallPackage } from '../../support/packages.js';
import { cliInProcess } from '../in-process.js';

let folder: TestFolder;
let unsigned: Buffer;
const keys = { ann: generatePrivateKey({ isTest: false }), demo: generatePrivateKey({ isTest: true }) };

beforeAll(async () => {
  unsigned = await smallPackage(Buffer.alloc(50_000, 'image'), {}, []);
});
beforeEach(async () => {
  folder = await testFolder();
  await writeFile(folder.file('app.ota'), unsigned);
  for (const [name, key] of Object.entries(keys)) {
    await writeFile(folder.file(`${name}.key`), privateKeyPem(key), { mode: 0o600 });
    await writeFile(folder.file(`${name}.pub`), publicKeyPem(key.publicKey));
  }
});
afterEach(() => folder[Symbol.asyncDispose]());

const ota = (args: string[], options: Pick<CliOptions, 'env' | 'stdin'> = {}) =>
  cliInProcess('ota', args, { cwd: folder.path, ...options });
const keyid = keys.ann.publicKey.keyid;

describe('ota sign', () => {
  test('signs in place; signing again changes nothing', async () => {
    const first = await ota(['sign', 'app.ota', '--key', 'ann.key', '--json']);
    expect(first.status).toBe(0);
    expect(JSON.parse(first.stdout)).toMatchObject({
      kind: 'package',
      out: 'app.ota',
      added: [keyid],
      signatures: [keyid],
    });
    const before = await folder.state();
    const again = await ota(['sign', 'app.ota', '--key', 'ann.key', '--json']);
    expect(JSON.parse(again.stdout)).toMatchObject({ added: [], signatures: [keyid] });
    expect(await folder.state()).toEqual(before);
    expect(await ota(['verify', 'app.ota', '--key', 'ann.pub'])).toMatchObject({ status: 0 });
  });

  test('what it signs is shown as UNVERIFIED', async () => {
    const { stdout } = await ota(['sign', 'app.ota', '--key', 'ann.key']);
    expect(stdout).toContain('UNVERIFIED contents:\n  package of product meter, version 2.0.0, sequence 2');
  });

  test('a key file that others can read is used, with a warning', async () => {
    await chmod(folder.file('ann.key'), 0o644);
    const { status, stderr } = await ota(['sign', 'app.ota', '--key', 'ann.key', '--quiet']);
    expect(status).toBe(0);
    expect(stderr).toBe(
      'warning: ann.key: this private key can be read by other users of the machine; run `chmod 600 ann.key`\n',
    );
  });

  test('a test key signs, and verify refuses it without --allow-test-keys', async () => {
    await ota(['sign', 'app.ota', '--key', 'demo.key']);
    expect(await ota(['verify', 'app.ota', '--key', 'demo.pub'])).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('marked as a test key'),
    });
    expect(await ota(['verify', 'app.ota', '--key', 'demo.pub', '--allow-test-keys'])).toMatchObject({ status: 0 });
  });

  test('one passphrase opens every encrypted key', async () => {
    for (const [name, key] of Object.entries(keys)) {
      await writeFile(folder.file(`${name}.key`), privateKeyPem(key, 'sesame'), { mode: 0o600 });
    }
    const args = ['sign', 'app.ota', '--key', 'ann.key', '--key', 'demo.key'];
    expect(await ota([...args, '--passphrase-stdin', '--json'], { stdin: 'sesame\n' })).toMatchObject({ status: 0 });
    expect(await ota([...args, '--passphrase-env', 'PHRASE'], { env: { PHRASE: 'wrong' } })).toMatchObject({
      status: 3,
    });
    expect(await ota(args)).toMatchObject({ status: 2 });
  });

  test.each<[string, string[], number, string]>([
    ['without a key', ['sign', 'app.ota'], 2, 'no key to sign with'],
    ['with a command but no public key', ['sign', 'app.ota', '--signer-command', 'true'], 2, '--public'],
    ['with a public key', ['sign', 'app.ota', '--key', 'ann.pub'], 3, 'is a public key'],
    ['with a key that is not there', ['sign', 'app.ota', '--key', 'none.key'], 16, 'none.key'],
    ['of a file that is not there', ['sign', 'none.ota', '--key', 'ann.key'], 16, 'none.ota'],
    ['of a file that is no package', ['sign', 'ann.pub', '--key', 'ann.key'], 4, 'ann.pub'],
    ['into a file that exists', ['sign', 'app.ota', '--key', 'ann.key', '--out', 'ann.pub'], 8, 'ann.pub'],
    [
      'by a command that fails',
      ['sign', 'app.ota', '--signer-command', 'exit 7', '--public', 'ann.pub'],
      3,
      'status 7',
    ],
    [
      'by a command that lies',
      ['sign', 'app.ota', '--signer-command', 'head -c 64 /dev/zero', '--public', 'ann.pub'],
      3,
      'does not verify',
    ],
    [
      'by a command that hangs',
      ['sign', 'app.ota', '--signer-command', 'sleep 60', '--public', 'ann.pub', '--signer-timeout-seconds', '1'],
      3,
      '1 s',
    ],
  ])('%s is refused, and nothing is written', async (_, args, status, fact) => {
    const before = await folder.state();
    expect(await ota(args)).toMatchObject({ status, stdout: '', stderr: expect.stringContaining(fact) });
    expect(await folder.state()).toEqual(before);
  });

  test('Ctrl-C ends the signer command and exits 130', async () => {
    const abort = new AbortController();
    const before = await folder.state();
    const running = runCli(
      'ota',
      ['sign', 'app.ota', '--signer-command', 'echo waiting >> started; exec sleep 60', '--public', 'ann.pub'],
      { cwd: folder.path, signal: abort.signal },
    );
    await expect.poll(() => readFile(folder.file('started'), 'utf8').catch(() => ''), { timeout: 10_000 }).not.toBe('');
    abort.abort('SIGINT');
    expect(await running).toMatchObject({ status: 130, stdout: '' });
    const { [folder.file('started')]: _, ...after } = await folder.state();
    expect(after).toEqual(before);
  });
});

describe('the offline ceremony', () => {
  test('request, sign, attach', async () => {
    expect(await ota(['sign', 'request', 'app.ota', '--out', 'request.json'])).toMatchObject({ status: 0 });
    const signing = await ota(['sign', 'request.json', '--key', 'ann.key', '--key', 'demo.key', '--json']);
    expect(signing.status).toBe(0);
    const files = JSON.parse(signing.stdout).signatures.map(({ out }: { out: string }) => out);
    const attaching = await ota(['sign', 'attach', 'app.ota', files[1], '--signature', files[0], '--json']);
    expect(attaching.stderr).toMatch(/^warning: .*marked as a test key\n$/);
    expect(JSON.parse(attaching.stdout).signatures).toEqual(
      Object.values(keys)
        .map(({ publicKey }) => publicKey.keyid)
        .sort(),
    );
    expect(await ota(['verify', 'app.ota', '--key', 'ann.pub'])).toMatchObject({ status: 0 });
  });

  test('a raw signature comes with its public key', async () => {
    await ota(['sign', 'request', 'app.ota', '--out', 'request.json']);
    const { message } = JSON.parse(await readFile(folder.file('request.json'), 'utf8'));
    const { sign } = await import('node:crypto');
    await writeFile(folder.file('raw.sig'), sign(null, Buffer.from(message, 'base64'), keys.ann.privateKey));
    const before = await folder.state();
    expect(await ota(['sign', 'attach', 'app.ota', 'raw.sig'])).toMatchObject({ status: 3 });
    expect(await ota(['sign', 'attach', 'app.ota', 'raw.sig', '--public', 'demo.pub'])).toMatchObject({ status: 3 });
    expect(await folder.state()).toEqual(before);
    expect(await ota(['sign', 'attach', 'app.ota', 'raw.sig', '--public', 'ann.pub'])).toMatchObject({ status: 0 });
    expect(await ota(['verify', 'app.ota', '--key', 'ann.pub'])).toMatchObject({ status: 0 });
  });

  test('a request that was tampered with is not signed', async () => {
    await ota(['sign', 'request', 'app.ota', '--out', 'request.json']);
    const request = JSON.parse(await readFile(folder.file('request.json'), 'utf8'));
    const content = Buffer.from(request.content, 'base64').toString().replace('"sequence":2', '"sequence":9');
    await writeFile(
      folder.file('request.json'),
      JSON.stringify({ ...request, content: Buffer.from(content).toString('base64') }),
    );
    const before = await folder.state();
    expect(await ota(['sign', 'request.json', '--key', 'ann.key'])).toMatchObject({ status: 4 });
    expect(await folder.state()).toEqual(before);
  });

  test('attach without a signature, and a request over an existing file', async () => {
    expect(await ota(['sign', 'attach', 'app.ota'])).toMatchObject({ status: 2 });
    expect(await ota(['sign', 'request', 'app.ota', '--out', 'ann.pub'])).toMatchObject({ status: 8 });
    expect(await ota(['sign', 'request', 'app.ota', '--out', 'r.json', '--dry-run'])).toMatchObject({ status: 0 });
    expect(Object.keys(await folder.state())).not.toContain(folder.file('r.json'));
  });
});
