import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeRealFirmware } from '../support/firmware.js';

const root = join(import.meta.dirname, '../..');
const { isSupported, pinnedNode, SUPPORTED } = createRequire(import.meta.url)('../../bin/start.js');
const nodeFolder = dirname(pinnedNode());

let work: string;
let source: string;
let installed: string;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'ota-tarball-'));
  source = join(work, 'source'); // packing edits package.json and builds; other tests run meanwhile
  await cp(root, source, {
    recursive: true,
    filter: (path) => !/^(node_modules|dist|demo|\.git)$/.test(relative(root, path)),
  });
  await symlink(join(root, 'node_modules'), join(source, 'node_modules'));
  const packed = npm(source, ['pack', '--json', '--pack-destination', work]);
  const [tarball] = (await readdir(work)).filter((name) => name.endsWith('.tgz'));
  expect(tarball, packed.stderr).toBeDefined();
  // The headers lie in the repository, so that lzma-native, where it has to be compiled, needs not fetch them.
  npm(work, ['install', '--global', '--prefix', join(work, 'prefix'), `--nodedir=${dirname(nodeFolder)}`, tarball!]);
  installed = join(work, 'prefix/lib/node_modules/ota-fleet');
});

afterAll(() => rm(work, { recursive: true, force: true }));

test('the package holds the two executables, the bundle and its notices, and nothing of the workshop', async () => {
  const names = (await readdir(installed, { recursive: true })).filter((name) => !name.startsWith('node_modules'));
  expect(names.map((name) => name.split('/')[0]!).filter(unique)).toEqual(
    expect.arrayContaining(['LICENSE', 'README.md', 'bin', 'dist', 'package.json']),
  );
  expect(names.filter((name) => /\.ts$|test|fixture|demo|bench|scripts/.test(name))).toEqual([]);
  expect(existsSync(join(installed, 'dist/THIRD-PARTY-NOTICES.txt'))).toBe(true);
  const dependencies = existsSync(join(installed, 'node_modules'))
    ? await readdir(join(installed, 'node_modules'))
    : [];
  expect(dependencies.filter((name) => /^node-(bin|linux|win)/.test(name))).toEqual([]);
  expect(existsSync(join(installed, 'dist/apply.mjs'))).toBe(true);
});

test('its package.json asks for nothing that is bundled, pinned or for development', async () => {
  const published = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
  expect(Object.keys(published).filter((key) => /scripts|devDependencies|^dependencies/.test(key))).toEqual([]);
  expect(Object.keys(published.optionalDependencies)).toEqual(['7z-wasm', 'lzma-native']);
});

test('packing has left the package.json of the repository as it was', async () => {
  const packageJson = (folder: string) => readFile(join(folder, 'package.json'), 'utf8');
  expect(JSON.parse(await packageJson(source))).toEqual(JSON.parse(await packageJson(root)));
  expect(existsSync(join(source, 'package.json.backup'))).toBe(false);
});

test.each(['ota', 'fleet'])('%s --version works with a supported Node on PATH', (executable) => {
  const { status, stdout } = run(nodeFolder, executable, ['--version']);
  expect(stdout).toMatch(/^ota-fleet\//);
  expect(status).toBe(0);
});

test.each(['otad', 'bsdf2', 'bsdiff40'])('a %s delta is packed, verified and applied', async (format) => {
  await writeRealFirmware(work, 'movehub');
  const ota = (...args: string[]) => {
    const { status, stderr } = run(nodeFolder, 'ota', args);
    expect(stderr).not.toContain('error:');
    expect(status).toBe(0);
  };
  const names = { key: `${format}.key`, pub: `${format}.pub`, ota: `${format}.ota`, out: `${format}.bin` };
  ota('keys', 'generate', '--test', '--out', format);
  const release = ['--product', 'hub', '--model', 'movehub', '--version', '2.0.0', '--sequence', '2'];
  const images = ['--from', 'old.bin', '--to', 'new.bin', '--format', format];
  ota('pack', ...images, ...release, '--sign', names.key, '--out', names.ota);
  const trust = ['--key', names.pub, '--allow-test-keys'];
  ota('verify', names.ota, '--base', 'old.bin', ...trust);
  ota('apply', names.ota, '--base', 'old.bin', '--out', names.out, ...trust);
  expect(await readFile(join(work, names.out))).toEqual(await readFile(join(work, 'new.bin')));
});

test.each(['ota', 'fleet'])('%s under an old Node says one sentence and exits 2', (executable) => {
  const script = join(work, 'prefix/bin', executable);
  const { status, stdout, stderr } = spawnSync(oldNode(), [script, 'version'], { encoding: 'utf8' });
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toMatch(new RegExp(`^${executable} needs Node\\.js .*; this is v\\d.*\\.\\n$`));
  expect(stderr).toContain(SUPPORTED);
});

function run(folder: string, executable: string, args: string[]) {
  return spawnSync(join(work, 'prefix/bin', executable), args, {
    cwd: work,
    encoding: 'utf8',
    env: { HOME: work, PATH: [folder, '/usr/bin', '/bin'].join(delimiter) },
  });
}

/** The machine's own Node, which the repository's scripts start from. */
function oldNode(): string {
  const folders = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'node'));
  const found = folders.filter(existsSync).find((node) => {
    const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
    return !isSupported(stdout.trim());
  });
  if (found === undefined) throw new Error(`this test needs an old Node on PATH, one outside of ${SUPPORTED}`);
  return found;
}

function npm(cwd: string, args: string[]) {
  const env = { ...process.env, PWD: cwd, PATH: [nodeFolder, process.env.PATH].join(delimiter) };
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm ${args.join(' ')}\n${stdout}${stderr}`);
  return { stdout, stderr };
}

function unique<T>(value: T, index: number, all: T[]): boolean {
  return all.indexOf(value) === index;
}
