import { cp, rm } from 'node:fs/promises';
import type { CliResult } from '../../support/cli.js';
import { type PackageFolder, packageFolder, type RunOta } from './package-fixture.js';

/** A folder with real firmware, keys, and the trust root `root.json` under which key `a` signs releases of movehub. */
export interface DeviceFolder extends PackageFolder {
  /** Makes a device that runs `old.bin` as release 3.6.0, sequence 6, of movehub, model M1. */
  init(device: string, ...args: string[]): Promise<CliResult>;
  /** `ota … --json`, which must end with this status: what it prints. */
  json(status: number, ...args: string[]): Promise<Record<string, unknown>>;
  /** Copies a device, in whatever state it is. */
  copy(from: string, to: string): Promise<void>;
}

export async function deviceFolder(run?: RunOta): Promise<DeviceFolder> {
  const folder = await packageFolder(run);
  const { ota, file } = folder;
  await ota(
    ...'trust init --root-key a.pub --product movehub --release-key a.pub --sign a.key --expires 20y --out root.json'.split(
      ' ',
    ),
  );
  return {
    ...folder,
    init: (device, ...args) => {
      const told = {
        trust: 'root.json',
        product: 'movehub',
        model: 'M1',
        image: 'old.bin',
        version: '3.6.0',
        sequence: '6',
      };
      const missing = Object.entries(told).filter(([name]) => !args.includes(`--${name}`));
      return ota('device', 'init', device, ...missing.flatMap(([name, value]) => [`--${name}`, value]), ...args);
    },
    json: async (status, ...args) => {
      const result = await ota(...args, '--json');
      if (result.status !== status)
        throw new Error(`${args.join(' ')}: ${result.status}, ${result.stdout}${result.stderr}`);
      return JSON.parse(result.stdout);
    },
    copy: async (from, to) => {
      await rm(file(to), { recursive: true, force: true });
      await cp(file(from), file(to), { recursive: true });
    },
  };
}
