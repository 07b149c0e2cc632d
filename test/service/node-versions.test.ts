import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../support/cli.js';
import { writeRealFirmware } from '../support/firmware.js';
import { type TestFolder, testFolder } from '../support/folder.js';
import { nodeOfVersion, oldestSupported } from '../support/nodes.js';
import { bundleScript, type Script } from '../support/scripts.js';

const RELEASE = ['--product', 'hub', '--model', 'movehub', '--version', '2.0.0', '--sequence', '2'];
const TRUST = ['--key', 'release.pub', '--allow-test-keys'];
const wycheproof = join(import.meta.dirname, '../fixtures/wycheproof/ed25519_test.json');

let folder: TestFolder;
let verdicts: Script;
/** Every Node under test by its version; the pinned one runs this file. */
const nodes = new Map<string, string>([[process.versions.node, process.execPath]]);
const versions = [...new Set([...nodes.keys(), ...oldestSupported])];

beforeAll(async () => {
  for (const version of oldestSupported) nodes.set(version, await nodeOfVersion(version));
  verdicts = await bundleScript('signature-verdicts');
  folder = await testFolder();
  await writeRealFirmware(folder.path, 'movehub');
  await ota(process.versions.node, 'keys', 'generate', '--test', '--out', 'release');
  for (const version of versions) {
    const images = ['--from', 'old.bin', '--to', 'new.bin', '--full'];
    await ota(version, 'pack', ...images, ...RELEASE, '--sign', 'release.key', '--out', `${version}.ota`);
  }
}, 300_000);

afterAll(async () => {
  await verdicts[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** Runs one command with that Node; it must succeed. */
async function ota(version: string, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await runCli('ota', args, { cwd: folder.path, node: [nodes.get(version)!] });
  expect({ status, stderr: stderr.includes('error:') ? stderr : '' }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

async function verdictsOf(version: string): Promise<Record<string, unknown[]>> {
  const { status, stdout, stderr } = await verdicts.start([wycheproof], { node: nodes.get(version)! }).ended;
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout);
}

test('Node 22, 24 and 26 are covered', () => {
  expect(new Set(versions.map((version) => version.split('.')[0]))).toEqual(new Set(['22', '24', '26']));
});

describe.each(versions)('Node %s', (version) => {
  test('is the release it is said to be', async () => {
    expect(await ota(version, '--version')).toContain(`node-v${version}\n`);
  });

  test('gives the verdicts of the pinned Node on all vectors and hostile keys', async () => {
    const pinned = await verdictsOf(process.versions.node);
    const { numberOfTests } = JSON.parse(await readFile(wycheproof, 'utf8'));
    expect(pinned.vectors).toHaveLength(numberOfTests);
    expect(await verdictsOf(version)).toEqual(pinned);
  });

  test('makes a key that signs and verifies', async () => {
    const [key, out] = [`key-${version}`, `own-${version}.ota`];
    await ota(version, 'keys', 'generate', '--out', key);
    await ota(version, 'pack', '--to', 'new.bin', ...RELEASE, '--sign', `${key}.key`, '--out', out);
    const report = JSON.parse(await ota(version, 'verify', out, '--key', `${key}.pub`, '--json'));
    expect(report).toMatchObject({ package: out, product: 'hub', version: '2.0.0' });
  });

  test('keeps a trust root and verifies by it', async () => {
    const root = `root-${version}.json`;
    const keys = ['--root-key', 'release.pub', '--product', 'hub', '--release-key', 'release.pub'];
    await ota(version, 'trust', 'init', ...keys, '--sign', 'release.key', '--expires', '2099-01-01', '--out', root);
    await ota(version, 'verify', `${version}.ota`, '--trust', root, '--allow-test-keys');
  });

  // One runtime's brotli could compress otherwise than another's; then "the same inputs give the same bytes" would
  // hold for one runtime only, and the documents must say so.
  test('packs the very bytes that the pinned Node packs', async () => {
    const made = await readFile(folder.file(`${version}.ota`));
    expect(made.equals(await readFile(folder.file(`${process.versions.node}.ota`)))).toBe(true);
  });

  test.each(versions)('verifies, inspects and applies the package made by Node %s', async (maker) => {
    const [pkg, out] = [`${maker}.ota`, `${maker}-by-${version}.bin`];
    await ota(version, 'verify', pkg, '--base', 'old.bin', ...TRUST);
    expect(JSON.parse(await ota(version, 'inspect', pkg, '--json'))).toEqual(
      JSON.parse(await ota(process.versions.node, 'inspect', pkg, '--json')),
    );
    await ota(version, 'apply', pkg, '--base', 'old.bin', '--out', out, ...TRUST);
    expect((await readFile(folder.file(out))).equals(await readFile(folder.file('new.bin')))).toBe(true);
  });
});
