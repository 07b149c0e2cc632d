// Makes a clone ready to work in. Plain JavaScript for the oldest Node and npm a fresh machine may have.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const { isSupported, pinnedNode, SUPPORTED } = createRequire(import.meta.url)('../bin/start.js');

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Installs and builds what is missing or out of date, and returns the Node to work with. */
export function prepareWorkspace() {
  if (!isInstalled()) {
    console.error('Installing the locked dependencies …');
    const npm = process.env.npm_execpath;
    // .npmrc finds the headers of the pinned Node through PWD.
    const env = { ...process.env, PWD: root };
    if (npm) run(process.execPath, [npm, 'ci', '--no-audit', '--no-fund'], { env });
    else run('npm', ['ci', '--no-audit', '--no-fund'], { env, shell: process.platform === 'win32' });
  }
  const node = workspaceNode();
  if (!isBuilt()) run(node, [join(root, 'scripts/build.mjs')]);
  return node;
}

/** Runs a program to its end; a failure ends this one with the same status. */
export function run(program, args, options = {}) {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: 'inherit', ...options });
  if (error) console.error(`${program}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

/** npm keeps a copy of the lockfile for what it has put in place; compare the two. */
function isInstalled() {
  const copy = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(copy)) return false;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const present = JSON.parse(readFileSync(copy, 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, { version, integrity, optional }]) =>
      path === '' ||
      (present[path] === undefined
        ? optional
        : present[path].version === version && present[path].integrity === integrity),
  );
}

/** An optional dependency that could not be installed is left out in silence, so look. */
function workspaceNode() {
  const node = pinnedNode() ?? (isSupported(process.version) ? process.execPath : undefined);
  const version = node && spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout?.trim();
  if (version && isSupported(version)) return node;
  console.error(
    `This needs Node.js ${SUPPORTED} and npm has installed none for ${process.platform}-${process.arch}; ` +
      'remove node_modules and try again, or put such a Node first on PATH.',
  );
  return process.exit(1);
}

function isBuilt() {
  const stamp = join(root, 'dist/version.json');
  if (!existsSync(stamp)) return false;
  const builtAt = statSync(stamp).mtimeMs;
  const inputs = ['src', 'scripts'].flatMap((folder) => [
    folder,
    ...readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, name)),
  ]);
  return ['package.json', 'package-lock.json', ...inputs].every(
    (path) => statSync(join(root, path)).mtimeMs <= builtAt,
  );
}
