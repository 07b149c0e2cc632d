import { createReadStream } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../../support/cli.js';
import { otaInProcess } from '../in-process.js';
import { type PackageFolder, packageFolder } from './package-fixture.js';

let folder: PackageFolder;
beforeAll(async () => {
  folder = await packageFolder(otaInProcess);
  await folder.pack();
  await folder.pack('--full', '--out', 'fat.ota');
  await folder.pack('--full', '--expires', '2020-01-01T00:00:00Z', '--out', 'expired.ota');
});
afterAll(() => folder[Symbol.asyncDispose]());

const state = {
  spec: 'ota-fleet-device/1',
  product: 'movehub',
  model: 'M1',
  components: { app: { sha256: '849ecc23b5ab8ed532cf3d442b6825b84c6248bc8ea496f375f8818be59be040' } },
  history: [],
  securityCounter: 0,
};

describe('ota apply', () => {
  test('makes the real new firmware from the real old one', async () => {
    const { status, stdout } = await folder.ota(
      'apply',
      'x.ota',
      '--key',
      'a.pub',
      '--base',
      'old.bin',
      '--out',
      'made.bin',
      '--json',
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      dryRun: false,
      applied: [{ component: 'app', file: 'app-849ecc23.bsdf2', fullFallback: false }],
    });
    expect((await readFile(folder.file('made.bin'))).equals(await readFile(folder.file('new.bin')))).toBe(true);
  });

  test.each(['apply', 'verify'])('%s: a bare patch is called what it is, and makes nothing', async (command) => {
    await copyFile(join(import.meta.dirname, '../../fixtures/patches/movehub.bsdiff40'), folder.file('bare.patch'));
    const before = await folder.state();
    const use = command === 'apply' ? ['--base', 'old.bin', '--out', 'made-by-patch.bin'] : [];
    const { status, stderr } = await folder.ota(command, 'bare.patch', '--key', 'a.pub', ...use);
    expect(stderr).toContain('bare.patch: not a valid package but a patch of format bsdiff40');
    expect(status).toBe(4);
    expect(await folder.state()).toEqual(before);
  });

  test('reads a package from stdin and a base over HTTP', async () => {
    const server = createServer((_, response) => createReadStream(folder.file('old.bin')).pipe(response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/old.bin`;
    const stdin = await readFile(folder.file('x.ota'));
    const applied = await runCli('ota', ['apply', '-', '--key', 'a.pub', '--base', base, '--out', 'piped.bin'], {
      cwd: folder.path,
      stdin,
    });
    server.close();
    expect(applied).toMatchObject({ status: 0 });
    expect((await readFile(folder.file('piped.bin'))).equals(await readFile(folder.file('new.bin')))).toBe(true);
  });

  test('announces that it took the full image, and can be told not to', async () => {
    const base = ['--key', 'a.pub', '--base', 'new.bin'];
    const { status, stderr } = await folder.ota('apply', 'fat.ota', ...base, '--out', 'full.bin');
    expect(status).toBe(0);
    expect(stderr).toMatch(/warning: component app: no delta fits its base, so the full image was used/);
    const forbidden = await folder.ota(
      'apply',
      'fat.ota',
      ...base,
      '--out',
      'none.bin',
      '--no-full-fallback',
      '--json',
    );
    expect(forbidden.status).toBe(5);
    expect(JSON.parse(forbidden.stdout)).toMatchObject({ error: { code: 'FULL_FALLBACK_FORBIDDEN', exitStatus: 5 } });
  });

  test.each<[string, string[], number, RegExp]>([
    [
      'another base',
      ['x.ota', '--key', 'a.pub', '--base', 'new.bin', '--out', 'n.bin'],
      5,
      /new.bin: SHA-256 is a7a4c4f7.*the package needs 849ecc23/,
    ],
    ['no base', ['x.ota', '--key', 'a.pub', '--out', 'n.bin'], 5, /no base for component app/],
    [
      'a key nobody signed with',
      ['x.ota', '--key', 'b.pub', '--base', 'old.bin', '--out', 'n.bin'],
      3,
      /x.ota: signed by/,
    ],
    ['no key', ['x.ota', '--base', 'old.bin', '--out', 'n.bin'], 3, /no trusted key was given/],
    [
      'another product',
      ['x.ota', '--key', 'a.pub', '--product', 'pump', '--base', 'old.bin', '--out', 'n.bin'],
      3,
      /product "movehub"/,
    ],
    [
      'an expired package',
      ['expired.ota', '--key', 'a.pub', '--base', 'old.bin', '--out', 'n.bin'],
      5,
      /expired at 2020/,
    ],
    [
      'a device of another model',
      ['x.ota', '--key', 'a.pub', '--device', 'm2.json', '--base', 'old.bin', '--out', 'n.bin'],
      5,
      /is for model M1, the device is a M2/,
    ],
    [
      'an existing output',
      ['x.ota', '--key', 'a.pub', '--base', 'old.bin', '--out', 'new.bin'],
      8,
      /new.bin: already exists/,
    ],
    [
      'a link as output',
      ['x.ota', '--key', 'a.pub', '--base', 'old.bin', '--out', 'link.bin', '--force'],
      6,
      /link.bin: is a symbolic link/,
    ],
    [
      'a folder that is not there',
      ['x.ota', '--key', 'a.pub', '--base', 'old.bin', '--out', 'no/n.bin'],
      16,
      /no\/n.bin/,
    ],
    ['a package that is not there', ['gone.ota', '--key', 'a.pub', '--out', 'n.bin'], 16, /gone.ota/],
  ])('refuses %s and writes nothing', async (_, args, status, message) => {
    await writeFile(folder.file('m2.json'), JSON.stringify({ ...state, model: 'M2' }));
    await symlink('old.bin', folder.file('link.bin')).catch(() => {});
    const before = await folder.state();
    const result = await folder.ota('apply', ...args);
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toMatch(/\n\s+at /);
    expect(result.status).toBe(status);
    expect(await folder.state()).toEqual(before);
  });

  test('names a damaged payload before a base that does not fit', async () => {
    const bytes = await readFile(folder.file('x.ota'));
    bytes[bytes.length - 2000]! ^= 1;
    await writeFile(folder.file('both.bad.ota'), bytes);
    const { status } = await folder.ota(
      'apply',
      'both.bad.ota',
      '--key',
      'a.pub',
      '--base',
      'new.bin',
      '--out',
      'b.bin',
    );
    expect(status).toBe(4);
  });

  test('says on a dry run, too, that the output exists', async () => {
    const args = ['apply', 'x.ota', '--key', 'a.pub', '--base', 'old.bin', '--out', 'new.bin', '--dry-run'];
    expect(await folder.ota(...args)).toMatchObject({ status: 8 });
    expect(await folder.pack('--out', 'x.ota', '--dry-run')).toMatchObject({ status: 8 });
    expect(await folder.pack('--out', 'x.ota', '--dry-run', '--force')).toMatchObject({ status: 0 });
  });

  test('changes nothing on a dry run', async () => {
    const before = await folder.state();
    expect(
      await folder.ota('apply', 'x.ota', '--key', 'a.pub', '--base', 'old.bin', '--out', 'd.bin', '--dry-run'),
    ).toMatchObject({ status: 0 });
    expect(await folder.state()).toEqual(before);
  });
});

describe('ota verify', () => {
  test('proves the result in memory, for a script', async () => {
    const before = await folder.state();
    const { status, stdout } = await folder.ota('verify', 'x.ota', '--key', 'a.pub', '--base', 'old.bin', '--json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      product: 'movehub',
      signatures: { threshold: 1 },
      applied: [{ component: 'app', file: 'app-849ecc23.bsdf2' }],
    });
    expect(await folder.state()).toEqual(before);
  });

  test('needs as many keys as it is told', async () => {
    const keys = ['--key', 'a.pub', '--key', 'b.pub', '--threshold', '2'];
    expect(await folder.ota('verify', 'x.ota', ...keys)).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('expected 2 of 2'),
    });
    await folder.pack('--sign', 'b.key', '--out', 'both.ota');
    expect(await folder.ota('verify', 'both.ota', ...keys)).toMatchObject({ status: 0 });
  });

  test.each([0.02, 0.2, 0.5, 0.9])('refuses a bit changed at %d of the file', async (share) => {
    const bytes = await readFile(folder.file('x.ota'));
    bytes[Math.floor(bytes.length * share)]! ^= 4;
    await writeFile(folder.file('bad.ota'), bytes);
    const { status, stdout } = await folder.ota('verify', 'bad.ota', '--key', 'a.pub', '--json');
    expect([3, 4]).toContain(status);
    expect(JSON.parse(stdout).error.exitStatus).toBe(status);
  });
});

describe('ota explain', () => {
  test('lists every reason at once and exits with the first', async () => {
    await writeFile(folder.file('bad.json'), JSON.stringify({ ...state, model: 'M2', securityCounter: 5 }));
    const { status, stdout } = await folder.ota('explain', 'x.ota', '--device', 'bad.json', '--key', 'b.pub', '--json');
    const report = JSON.parse(stdout) as { accepted: boolean; checks: { failures: { code: string }[] }[] };
    expect(status).toBe(3);
    expect(report.accepted).toBe(false);
    expect(report.checks.flatMap(({ failures }) => failures.map(({ code }) => code))).toEqual([
      'KEY_UNTRUSTED',
      'MODEL_INCOMPATIBLE',
      'COUNTER_ROLLBACK',
    ]);
  });

  test('says what an accepting device would fetch', async () => {
    await writeFile(folder.file('good.json'), JSON.stringify(state));
    const { status, stdout } = await folder.ota('explain', 'fat.ota', '--device', 'good.json', '--key', 'a.pub');
    expect(status).toBe(0);
    expect(stdout).toContain('would be accepted');
    expect(stdout).toMatch(/It would fetch .* app-849ecc23.bsdf2/);
  });

  test('marks what nobody trusted signed, and escapes how a file is called', async () => {
    const evil = 'x\u001b]0;evil\u0007.ota';
    await copyFile(folder.file('x.ota'), folder.file(evil));
    await writeFile(folder.file('other.json'), JSON.stringify({ ...state, model: 'M2' }));
    const { status, stdout } = await folder.ota('explain', evil, '--device', 'other.json', '--key', 'b.pub');
    expect(status).toBe(3);
    expect(stdout).toContain('UNVERIFIED');
    for (const control of ['\u001b', '\u0007']) expect(stdout).not.toContain(control);
    const trusted = await folder.ota('explain', 'x.ota', '--device', 'other.json', '--key', 'a.pub');
    expect(trusted.stdout).not.toContain('UNVERIFIED');
  });

  test('refuses a state it cannot read whole', async () => {
    await writeFile(folder.file('cut.json'), JSON.stringify(state).slice(0, 50));
    expect(await folder.ota('explain', 'x.ota', '--device', 'cut.json', '--key', 'a.pub')).toMatchObject({ status: 4 });
  });
});

test('a trust root that expired before the time floor of a device stays expired on a clock set back', async () => {
  const run = (...args: string[]) => folder.ota(...args);
  const init = ['trust', 'init', '--root-key', 'a.pub', '--product', 'movehub', '--release-key', 'a.pub'];
  expect(await run(...init, '--expires', '2030-01-01', '--sign', 'a.key', '--out', 'floor.json')).toMatchObject({
    status: 0,
  });
  await writeFile(folder.file('late.json'), JSON.stringify({ ...state, timeFloor: '2031-01-01T00:00:00Z' }));
  await writeFile(folder.file('early.json'), JSON.stringify(state));
  for (const [device, status] of [
    ['early.json', 0],
    ['late.json', 3],
  ] as const) {
    const judged = ['x.ota', '--trust', 'floor.json', '--device', device];
    expect(await run('explain', ...judged)).toMatchObject({ status });
    expect(await run('verify', ...judged)).toMatchObject({ status });
    expect(await run('apply', ...judged, '--base', 'old.bin', '--out', 'f.bin', '--dry-run')).toMatchObject({ status });
  }
});

describe('ota inspect', () => {
  test('marks what it shows as unverified and escapes what a package says', async () => {
    await writeFile(
      folder.file('evil.json'),
      JSON.stringify({ vendor: 'AC\u001b[31mME', releaseNotes: 'line\u202e\nnext' }),
    );
    await folder.pack('--metadata', 'evil.json', '--out', 'evil.ota');
    const { stdout } = await folder.ota('inspect', 'evil.ota');
    expect(stdout).toContain('UNVERIFIED');
    for (const control of ['\u001b', '\u202e']) expect(stdout).not.toContain(control);
  });

  test.each(['linked', 'linked/'])('takes nothing apart through a link (%s)', async (name) => {
    await mkdir(folder.file('elsewhere'));
    await symlink('elsewhere', folder.file('linked'));
    const { status } = await folder.ota('inspect', 'x.ota', '--extract', name);
    const written = await readdir(folder.file('elsewhere'));
    for (const made of ['linked', 'elsewhere']) await rm(folder.file(made), { recursive: true });
    expect(status).toBe(6);
    expect(written).toEqual([]);
  });

  test('takes a package apart, all parts or none', async () => {
    const { status } = await folder.ota('inspect', 'x.ota', '--extract', 'parts');
    expect(status).toBe(0);
    const before = await folder.state();
    expect(
      Object.keys(before)
        .filter((path) => path.includes('/parts/'))
        .map((path) => path.split('/').pop()),
    ).toEqual(['app-849ecc23.bsdf2', 'metadata.json', 'signature.json']);
    expect(await folder.ota('inspect', 'x.ota', '--extract', 'parts')).toMatchObject({ status: 8 });
    expect(await folder.state()).toEqual(before);
  });
});

describe('ota diff', () => {
  test('tells equal from different by its status', async () => {
    expect(await folder.ota('diff', 'x.ota', 'x.ota')).toMatchObject({ status: 0, stdout: 'equal\n' });
    expect((await folder.ota('diff', 'x.ota', 'fat.ota')).stdout).toContain('UNVERIFIED');
    const { status, stdout } = await folder.ota('diff', 'x.ota', 'fat.ota', '--json');
    expect(status).toBe(17);
    expect(JSON.parse(stdout)).toMatchObject({ equal: false });
  });

  test('can leave out who signed', async () => {
    await folder.pack('--sign', 'b.key', '--out', 'countersigned.ota');
    expect(await folder.ota('diff', 'x.ota', 'countersigned.ota')).toMatchObject({ status: 17 });
    expect(await folder.ota('diff', 'x.ota', 'countersigned.ota', '--ignore-signatures')).toMatchObject({ status: 0 });
  });
});

describe('- as a file name', () => {
  test('is stdin once', async () => {
    const stdin = await readFile(folder.file('x.ota'));
    const twice = ['apply', '-', '--key', 'a.pub', '--base', '-', '--out', 'n.bin'];
    expect(await runCli('ota', twice, { cwd: folder.path, stdin })).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('stdin is named for two inputs'),
    });
  });

  test('is no output', async () => {
    const before = await folder.state();
    const { status, stderr } = await folder.ota('apply', 'x.ota', '--key', 'a.pub', '--base', 'old.bin', '--out', '-');
    expect(stderr).toContain('an output cannot be stdout');
    expect(status).toBe(2);
    expect(await folder.state()).toEqual(before);
  });
});
