import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../support/cli.js';

const root = join(import.meta.dirname, '../..');
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ota-completion-'));
  await writeFile(join(folder, 'ota'), `#!/bin/sh\nexec '${process.execPath}' '${root}/bin/ota.js' "$@"\n`);
  await chmod(join(folder, 'ota'), 0o755);
  await writeFile(join(folder, 'firmware.bin'), '');
});

afterAll(() => rm(folder, { recursive: true }));

test('bash completes commands and flags', async () => {
  const asked = (words: string) =>
    `COMP_WORDS=(${words}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _ota_complete; echo "\${COMPREPLY[*]}"`;
  const lines = await shell('bash', [asked('ota vers'), asked('ota version --j'), asked('ota version ""')]);
  expect(lines).toEqual(['version', '--json', '']);
});

test('zsh completes commands and flags with their summaries, and files elsewhere', async () => {
  const stubs = ['compdef() { : }', '_files() { print files }', '_describe() { print -rl -- "$candidates[@]" }'];
  const asked = (words: string) => `words=(${words}); CURRENT=\${#words}; _ota`;
  const lines = await shell('zsh', [asked('ota vers'), asked('ota version --j'), asked("ota version ''")], stubs);
  expect(lines).toEqual([expect.stringMatching(/^version:Show/), expect.stringMatching(/^--json:/), 'files']);
});

test('fish completes commands and flags with their summaries, and files elsewhere', async () => {
  const asked = (words: string) => `complete -C '${words}'`;
  const lines = await shell('fish', [asked('ota vers'), asked('ota version --j'), asked('ota version firm')]);
  expect(lines).toEqual([expect.stringMatching(/^version\tShow/), expect.stringMatching(/^--json\t/), 'firmware.bin']);
});

/** Lines printed by `commands` after the completion script has been read. */
async function shell(name: string, commands: string[], before: string[] = []): Promise<string[]> {
  const script = join(folder, `completion.${name}`);
  await writeFile(script, (await runCli('ota', ['completion', name])).stdout);
  const { status, stdout, stderr } = spawnSync(name, ['-c', [...before, `source ${script}`, ...commands].join('\n')], {
    cwd: folder,
    encoding: 'utf8',
    env: { HOME: folder, PATH: [folder, process.env.PATH].join(delimiter), LANG: 'C.UTF-8' },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.replace(/\n$/, '').split('\n');
}
