import { readFile, symlink, unlink, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { otaInProcess } from '../in-process.js';
import { type PackageFolder, packageFolder } from './package-fixture.js';

let folder: PackageFolder;
beforeAll(async () => {
  folder = await packageFolder(otaInProcess);
});
afterAll(() => folder[Symbol.asyncDispose]());

const refuses = async (args: string[], status: number, message: RegExp): Promise<void> => {
  const before = await folder.state();
  const { status: got, stderr } = await folder.pack(...args);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(got).toBe(status);
  expect(await folder.state()).toEqual(before);
};

describe('ota pack', () => {
  test('makes the same bytes from the same inputs', async () => {
    expect(await folder.pack('--out', 'one.ota', '--full')).toMatchObject({ status: 0 });
    expect(await folder.pack('--out', 'two.ota', '--full', '--check-reproducible')).toMatchObject({ status: 0 });
    expect((await readFile(folder.file('one.ota'))).equals(await readFile(folder.file('two.ota')))).toBe(true);
  });

  test('reports digest, files and payloads as JSON', async () => {
    const { stdout, status } = await folder.pack('--json', '--dry-run');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      dryRun: true,
      product: 'movehub',
      files: [{ path: 'x.ota', payloads: ['app-849ecc23.bsdf2'] }],
      payloads: [{ base: { size: 102_232 }, target: { size: 102_432, version: '3.7.0' } }],
    });
  });

  test('writes a thin package for each base, which verify and apply as the fat one does', async () => {
    const { stdout } = await folder.pack('--out', 'fat.ota', '--full', '--split', '--json');
    const { files, digest } = JSON.parse(stdout) as { digest: string; files: { path: string }[] };
    expect(files.map(({ path }) => path)).toEqual(['fat.ota', 'fat-849ecc23.ota', 'fat-full.ota']);
    for (const { path } of files) {
      const verified = await folder.ota('verify', path, '--key', 'a.pub', '--base', 'old.bin', '--json');
      expect(JSON.parse(verified.stdout)).toMatchObject({ digest });
    }
  });

  test('takes fields from a metadata file, under those that are typed', async () => {
    const fields = { releaseNotes: 'Better.', rollback: { allowed: true }, sequence: 1, vendor: 'ACME' };
    await writeFile(folder.file('release.json'), JSON.stringify(fields));
    await folder.pack('--metadata', 'release.json', '--out', 'fields.ota');
    const { stdout } = await folder.ota('inspect', 'fields.ota', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ verified: false, metadata: { ...fields, sequence: 7 } });
  });

  test('says how a device tries the release and goes back from it', async () => {
    const fields = { confirm: { timeoutSeconds: 90 }, rollback: { allowed: false } };
    await writeFile(folder.file('trial.json'), JSON.stringify(fields));
    const typed = ['--boot-attempts', '5', '--rollback-min-version', '3.6.0'];
    await folder.pack('--metadata', 'trial.json', ...typed, '--out', 'trial.ota');
    const { stdout } = await folder.ota('inspect', 'trial.ota', '--json');
    expect(JSON.parse(stdout).metadata).toMatchObject({
      confirm: { timeoutSeconds: 90, bootAttempts: 5 },
      rollback: { allowed: true, minVersion: '3.6.0' },
    });
    const soon = await folder.pack('--confirm-timeout', '0', '--allow-rollback', '--out', 'soon.ota');
    expect(soon).toMatchObject({ status: 0 });
    const { metadata } = JSON.parse((await folder.ota('inspect', 'soon.ota', '--json')).stdout);
    expect(metadata).toMatchObject({ confirm: { timeoutSeconds: 0 }, rollback: { allowed: true } });
    const plain = JSON.parse((await folder.ota('inspect', 'one.ota', '--json')).stdout);
    expect(plain.metadata).not.toHaveProperty('rollback');
    expect(plain.metadata).not.toHaveProperty('confirm');
  });

  test.each([
    [['--rollback-min-version', 'v3'], /--rollback-min-version: "v3" is no semantic version/],
    [['--boot-attempts', '0'], /--boot-attempts/],
  ])('refuses %j', async (args, message) => {
    await refuses([...args, '--out', 'trial-refused.ota'], 2, message);
  });

  test('dates the package by SOURCE_DATE_EPOCH alone', async () => {
    const { runCli } = await import('../../support/cli.js');
    const args = ['pack', '--to', 'new.bin', '--product', 'p', '--model', 'm', '--version', '1.0.0', '--sequence', '1'];
    await runCli('ota', [...args, '--out', 'dated.ota'], {
      cwd: folder.path,
      env: { SOURCE_DATE_EPOCH: '1700000000' },
    });
    const { stdout } = await folder.ota('inspect', 'dated.ota', '--json');
    expect(JSON.parse(stdout).metadata.createdAt).toBe('2023-11-14T22:13:20Z');
  });

  test('expires at midnight of a date', async () => {
    await folder.pack('--expires', '2099-06-01', '--out', 'june.ota');
    const { stdout } = await folder.ota('inspect', 'june.ota', '--json');
    expect(JSON.parse(stdout).metadata.expiresAt).toBe('2099-06-01T00:00:00Z');
  });

  test('carries no trust root that devices would refuse', async () => {
    const init = ['trust', 'init', '--product', 'movehub', '--release-key', 'a.pub', '--out', 'root.1.json'];
    await folder.ota(...init, '--root-key', 'a.pub', '--root-key', 'b.pub', '--root-threshold', '2', '--sign', 'a.key');
    await refuses(
      ['--root', 'root.1.json', '--out', 'r.ota'],
      3,
      /root.1.json: has 1 of 2 signatures of the root role/,
    );
    await folder.ota('sign', 'root.1.json', '--key', 'b.key');
    await folder.ota('trust', 'threshold', 'root.1.json', 'root', '1', '--sign', 'a.key');
    const both = ['--root', 'root.1.json', '--root', 'root.2.json', '--out', 'r.ota'];
    await refuses(both, 3, /root.2.json: has 1 of 2 signatures of the root role of version 1/);
    await folder.ota('sign', 'root.2.json', '--key', 'b.key');
    expect(await folder.pack(...both)).toMatchObject({ status: 0 });
    expect(await folder.ota('verify', 'r.ota', '--trust', 'root.1.json')).toMatchObject({ status: 0 });
  });

  test('packs several components, applied all or none', async () => {
    await writeFile(folder.file('modem1.bin'), Buffer.alloc(5000, 'modem one '));
    await writeFile(folder.file('modem2.bin'), Buffer.alloc(5001, 'modem two '));
    const more = ['--from', 'modem=modem1.bin', '--to', 'modem=modem2.bin', '--to-version', 'modem=9.1.0'];
    expect(await folder.pack(...more, '--out', 'car.ota')).toMatchObject({ status: 0 });
    const bases = ['--base', 'app=old.bin', '--base', 'modem=modem1.bin'];
    const before = await folder.state();
    const half = await folder.ota('apply', 'car.ota', '--key', 'a.pub', ...bases, '--out', 'app=a.bin');
    expect(half).toMatchObject({ status: 2, stderr: expect.stringContaining('--out modem=FILE') });
    const same = ['--out', 'app=s.bin', '--out', 'modem=./s.bin', '--force'];
    const shared = await folder.ota('apply', 'car.ota', '--key', 'a.pub', ...bases, ...same);
    expect(shared).toMatchObject({ status: 2, stderr: expect.stringContaining('two components have the same output') });
    await symlink('.', folder.file('linked'));
    const aliased = ['--out', 'app=s.bin', '--out', 'modem=linked/s.bin', '--force'];
    const viaLink = await folder.ota('apply', 'car.ota', '--key', 'a.pub', ...bases, ...aliased);
    await unlink(folder.file('linked'));
    expect(viaLink).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('two components have the same output'),
    });
    const clash = await folder.ota(
      'apply',
      'car.ota',
      '--key',
      'a.pub',
      ...bases,
      '--out',
      'app=a.bin',
      '--out',
      'modem=new.bin',
    );
    expect(clash.status).toBe(8);
    expect(await folder.state()).toEqual(before);
    const both = await folder.ota(
      'apply',
      'car.ota',
      '--key',
      'a.pub',
      ...bases,
      '--out',
      'app=a.bin',
      '--out',
      'modem=m.bin',
    );
    expect(both.status).toBe(0);
    expect((await readFile(folder.file('a.bin'))).equals(await readFile(folder.file('new.bin')))).toBe(true);
    expect((await readFile(folder.file('m.bin'))).equals(await readFile(folder.file('modem2.bin')))).toBe(true);
  });

  test('warns of what cannot be undone, and of what the release before says', async () => {
    await folder.pack('--out', 'prev.ota', '--security-counter', '3', '--force');
    const raised = await folder.pack(
      '--previous',
      'prev.ota',
      '--sequence',
      '8',
      '--security-counter',
      '4',
      '--out',
      'n.ota',
      '--dry-run',
    );
    expect(raised.stderr).toMatch(/warning: security counter 4 is above 3/);
    await refuses(['--previous', 'prev.ota', '--out', 'n.ota'], 5, /sequence 7 must be above 7/);
    await refuses(['--previous', 'prev.ota', '--sequence', '8', '--out', 'n.ota'], 5, /security counter 0 is below 3/);
  });

  test.each<[string, string[], number, RegExp]>([
    ['a version that is none', ['--version', 'two'], 2, /--version: expected a semantic version/],
    ['a product that cannot name a role', ['--product', 'a/b'], 2, /--product: expected/],
    ['a day that is none', ['--expires', '2027-02-30'], 2, /--expires: expected an RFC 3339 time/],
    [
      'an image larger than its slot',
      ['--slot-size', '100KB'],
      5,
      /new.bin: has 102432 bytes, the slot of app holds 100000/,
    ],
    ['a package above its budget', ['--max-size', '1KiB'], 9, /x.ota: would have \d+ bytes, the budget is 1024/],
    ['a base that is the target', ['--from', 'new.bin'], 2, /new.bin: is the same image as the new image/],
    ['a missing image', ['--from', 'gone.bin'], 16, /gone.bin/],
    [
      'versions that do not match the bases',
      ['--from-version', '1.0.0', '--from-version', '2.0.0'],
      2,
      /2 --from-version for 1 --from/,
    ],
    ['a component without an image', ['--slot-size', 'modem=1MiB'], 2, /names component modem, which has no --to/],
    ['a public key to sign with', ['--sign', 'a.pub'], 3, /a.pub/],
    ['a secret in argv', ['--passphrase', 'hunter2'], 2, /passphrase/],
    ['an unknown field', ['--metadata', 'typo.json'], 4, /secuirtyCounter/],
    ['a wrong field in a file', ['--metadata', 'wrong.json'], 4, /wrong.json: expiresAt: expected an RFC 3339 time/],
  ])('refuses %s and writes nothing', async (_, args, status, message) => {
    await writeFile(folder.file('typo.json'), '{"secuirtyCounter":1}');
    await writeFile(folder.file('wrong.json'), '{"expiresAt":"soon"}');
    await refuses(args, status, message);
  });

  test('never repeats a secret that was typed', async () => {
    const { stderr, stdout } = await folder.pack('--passphrase', 'hunter2');
    expect(stderr + stdout).not.toContain('hunter2');
  });

  test('keeps an existing package, and never follows a link', async () => {
    await writeFile(folder.file('keep.ota'), 'mine');
    await symlink('keep.ota', folder.file('link.ota'));
    await refuses(['--out', 'keep.ota'], 8, /keep.ota: already exists/);
    await refuses(['--out', 'link.ota'], 6, /link.ota: is a symbolic link/);
    await refuses(['--out', 'link.ota', '--force'], 6, /link.ota: is a symbolic link/);
  });

  test('says which options are missing where there is no terminal', async () => {
    const { status, stderr } = await folder.ota('pack', '--to', 'new.bin', '--version', '1.0.0');
    expect(status).toBe(2);
    expect(stderr).toContain('--product, --sequence, --model and --out are missing');
  });
});
