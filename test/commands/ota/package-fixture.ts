import { writeFile } from 'node:fs/promises';
import { generatePrivateKey, privateKeyPem } from '../../../src/lib/trust/private-key.js';
import { publicKeyPem } from '../../../src/lib/trust/public-key.js';
import { type CliResult, runCli } from '../../support/cli.js';
import { writeRealFirmware } from '../../support/firmware.js';
import { type TestFolder, testFolder } from '../../support/folder.js';

/** A folder with real firmware (`old.bin`, `new.bin`) and two key pairs, `a` and `b`. */
export interface PackageFolder extends TestFolder {
  ota(...args: string[]): Promise<CliResult>;
  /** Packs `old.bin` → `new.bin` into x.ota, signed by `a`; the delta is a bsdf2 unless `--format` says otherwise. */
  pack(...args: string[]): Promise<CliResult>;
}

/** How `ota` is run in a folder: by its executable, or in this process. */
export type RunOta = (words: readonly string[], cwd: string) => Promise<CliResult>;

/** By its executable, as a user would. */
export const runExecutable: RunOta = (words, cwd) => runCli('ota', words, { cwd });

export async function packageFolder(run: RunOta = runExecutable): Promise<PackageFolder> {
  const folder = await testFolder();
  await writeRealFirmware(folder.path, 'movehub');
  for (const name of ['a', 'b']) {
    const key = generatePrivateKey({ isTest: false });
    await writeFile(folder.file(`${name}.key`), privateKeyPem(key), { mode: 0o600 });
    await writeFile(folder.file(`${name}.pub`), publicKeyPem(key.publicKey));
  }
  const ota = (...args: string[]) => run(args, folder.path);
  const release = { product: 'movehub', model: 'M1', version: '3.7.0', sequence: '7', out: 'x.ota', format: 'bsdf2' };
  return {
    ...folder,
    ota,
    pack: (...args) => {
      const missing = Object.entries(release).filter(([name]) => !args.includes(`--${name}`));
      const words = missing.flatMap(([name, value]) => [`--${name}`, value]);
      return ota('pack', '--from', 'old.bin', '--to', 'new.bin', '--sign', 'a.key', ...words, ...args);
    },
  };
}
