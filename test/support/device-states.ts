import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { serve } from '../lib/net/servers.js';
import { runCli } from './cli.js';
import { realFirmware } from './firmware.js';
import { type TestFolder, testFolder } from './folder.js';

export type ReleaseName = 'old' | 'new';
/** Images of each release, by component. */
export type Releases = Record<ReleaseName, Record<string, Uint8Array>>;

/**
 * Devices in every state that a command may find them in. Each is a folder of its own with `device`, its monotonic
 * counter in `tpm`, and files of somebody else.
 *
 * They run `old`; `new` brings a delta of one component, a full image of another and a trust root. `pair` has two slots
 * for each, `single` exchanges the images of one.
 */
export interface DeviceStates extends AsyncDisposable {
  releases: Releases;
  /** Package of `new`: its file, and its address on a server that resumes. */
  file: string;
  address: string;
  /** @param name `pair` or `single`, then `factory`, `installed`, `booted`, `confirmed`, `failed` (no attempt left) */
  copy(name: string): Promise<TestFolder>;
}

export const NEIGHBOURS = ['neighbour.txt', 'device/NOTES.txt'];
export const NEIGHBOUR_TEXT = 'of somebody else';

const KIB = 1024;
const FLASH = { spec: 'ota-fleet-layout/1', eraseBlockBytes: 32 * KIB, writeAlignmentBytes: 256 };
const TWO_SLOTS = { slots: ['a', 'b'], slotBytes: 128 * KIB };
const ONE_SLOT = { slots: ['only'], slotBytes: 128 * KIB };
const HUB = ['--product', 'hub', '--model', 'M1'];

type Ota = (...args: string[]) => Promise<void>;

export async function deviceStates(): Promise<DeviceStates> {
  const folder = await testFolder();
  const ota: Ota = async (...args) => {
    const { status, stdout, stderr } = await runCli('ota', args, { cwd: folder.path });
    if (status !== 0) throw new Error(`ota ${args.join(' ')} ended with ${status}: ${stdout}${stderr}`);
  };
  const releases = await writeReleases(folder);
  await makePackage(ota);
  await makeDevices(folder, 'pair', TWO_SLOTS, ota);
  await makeDevices(folder, 'single', ONE_SLOT, ota);
  const file = folder.file('new.ota');
  const server = await servePackage(await readFile(file));
  return {
    releases,
    file,
    address: `${server.origin}/new.ota`,
    copy: async (name) => {
      const own = await testFolder();
      await cp(folder.file(name), own.path, { recursive: true });
      return own;
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function writeReleases(folder: TestFolder): Promise<Releases> {
  const [app, modem] = [await realFirmware('movehub'), await realFirmware('primehub')];
  const imagesOf = (name: ReleaseName) => ({ app: app[name], modem: modem[name].subarray(0, 40_000) });
  const releases = { old: imagesOf('old'), new: imagesOf('new') };
  for (const [name, images] of Object.entries(releases)) {
    for (const [component, bytes] of Object.entries(images))
      await writeFile(folder.file(`${component}.${name}`), bytes);
  }
  return releases;
}

async function makePackage(ota: Ota): Promise<void> {
  for (const name of ['root', 'first', 'second']) await ota('keys', 'generate', '--out', name);
  const roles = ['--root-key', 'root.pub', '--product', 'hub', '--release-key', 'first.pub'];
  await ota('trust', 'init', ...roles, '--sign', 'root.key', '--out', 'root.json');
  await ota('trust', 'rotate', 'root.json', '--old', 'first.pub', '--new', 'second.pub', '--sign', 'root.key');
  // Less than 64 KiB, so that it arrives in one piece and every download makes the same calls.
  const images = ['--from', 'app=app.old', '--to', 'app=app.new', '--to', 'modem=modem.new'];
  // Long enough for the longest suite.
  const numbers = ['--version', '2.0.0', '--sequence', '2', '--confirm-timeout', '86400', '--allow-rollback'];
  const signing = ['--root', 'root.2.json', '--sign', 'second.key'];
  await ota('pack', ...images, ...HUB, ...numbers, ...signing, '--out', 'new.ota');
}

async function makeDevices(folder: TestFolder, kind: string, app: typeof ONE_SLOT, ota: Ota): Promise<void> {
  const layout = folder.file(`${kind}.json`);
  await writeFile(layout, JSON.stringify({ ...FLASH, components: { app, modem: TWO_SLOTS } }));
  const factory = `${kind}.factory`;
  await mkdir(folder.file(`${factory}/tpm`), { recursive: true });
  const place = ['--layout', layout, '--trust', 'root.json', '--monotonic-counter', `${factory}/tpm/counter`];
  const release = ['--image', 'app=app.old', '--image', 'modem=modem.old', '--version', '1.0.0', '--sequence', '1'];
  await ota('device', 'init', `${factory}/device`, ...HUB, ...place, ...release);
  for (const file of NEIGHBOURS) await writeFile(folder.file(`${factory}/${file}`), NEIGHBOUR_TEXT);

  const make = async (name: string, from: string, ...steps: string[][]) => {
    await cp(folder.file(`${kind}.${from}`), folder.file(`${kind}.${name}`), { recursive: true });
    for (const step of steps) await ota(...step, `${kind}.${name}/device`);
  };
  await make('installed', 'factory', ['apply', 'new.ota', '--device']);
  await make('booted', 'installed', ['device', 'boot']);
  await make('confirmed', 'booted', ['device', 'confirm']);
  await make('failed', 'installed', ...Array(3).fill(['device', 'boot', '--fail']));
}

function servePackage(bytes: Buffer) {
  return serve((request, response) => {
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(start > 0 ? 206 : 200, {
      etag: '"2.0.0"',
      'content-length': bytes.length - start,
      ...(start > 0 && { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    });
    response.end(bytes.subarray(start));
  });
}
