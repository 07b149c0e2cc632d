import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import packageJson from '../../package.json' with { type: 'json' };

const run = promisify(execFile);
const cache = join(import.meta.dirname, '../../node_modules/.cache/ota-nodes');
const packageName = `node-${process.platform}-${process.arch}`;

/** The smallest release of each range in `engines`: `['22.22.2', …]`. */
export const oldestSupported: string[] = packageJson.engines.node.split(' || ').map((range) => {
  const [major, minor = 0, patch = 0] = range.replace(/^\D+/, '').split('.').map(Number);
  return `${major}.${minor}.${patch}`;
});

/** Path of this very release of Node, which npm installs once and a cache keeps. */
export async function nodeOfVersion(version: string): Promise<string> {
  const kept = join(cache, version, 'node');
  if (existsSync(kept)) return kept;
  await mkdir(cache, { recursive: true });
  const prefix = await mkdtemp(join(cache, 'installing-'));
  try {
    const options = ['--prefix', prefix, '--no-save', '--no-audit', '--no-fund'];
    await run('npm', ['install', ...options, `${packageName}@${version}`], { cwd: prefix });
    await mkdir(dirname(kept), { recursive: true });
    await copyFile(join(prefix, 'node_modules', packageName, 'bin/node'), join(prefix, 'node'));
    await rename(join(prefix, 'node'), kept); // whole or absent, whoever else is installing it
  } finally {
    await rm(prefix, { recursive: true });
  }
  return kept;
}
