import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runCli } from '../support/cli.js';

const { version } = JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8'));

describe.each(['ota', 'fleet'] as const)('%s', (executable) => {
  test('--version names the release, the platform and the Node that runs it', async () => {
    const { status, stdout, stderr } = await runCli(executable, ['--version']);
    expect(stdout).toBe(`ota-fleet/${version} ${process.platform}-${process.arch} node-${process.version}\n`);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  test.each([[[]], [['--help']], [['help']], [['-h']]])('%j shows its own commands', async (args) => {
    const { status, stdout, stderr } = await runCli(executable, args);
    expect(stdout).toContain(`$ ${executable} [COMMAND]`);
    expect(stdout).toMatch(/^ {2}version /m);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  test('help of a command is the same whichever way it is asked for', async () => {
    const { stdout } = await runCli(executable, ['version', '--help']);
    expect(stdout).toContain(`$ ${executable} version`);
    for (const args of [
      ['help', 'version'],
      ['version', '-h'],
      ['version', '--json', '--help'],
    ]) {
      expect(await runCli(executable, args)).toEqual({ status: 0, stdout, stderr: '' });
    }
  });

  test('help in a pipe is plain text', async () => {
    expect((await runCli(executable, ['--help'], { env: { NO_COLOR: undefined } })).stdout).not.toContain('\x1b');
  });

  test('an unknown command is a usage error that suggests the one that was meant', async () => {
    const { status, stdout, stderr } = await runCli(executable, ['vresion']);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(`\`${executable}\` has no command \`vresion\``);
    expect(stderr).toContain(`Did you mean \`${executable} version\`?`);
  });

  test('an unknown command under --json is the JSON error document', async () => {
    const { status, stdout } = await runCli(executable, ['vresion', '--json']);
    expect(JSON.parse(stdout).error).toMatchObject({ code: 'USAGE', exitStatus: 2 });
    expect(status).toBe(2);
  });

  test('an unknown command is escaped before it is printed', async () => {
    const { stderr } = await runCli(executable, ['ver\x1b[2Jsion']);
    expect(stderr).not.toContain('\x1b');
  });

  test.each(['version', '--version'])('%s reports the runtime and the formats as JSON', async (word) => {
    const { status, stdout } = await runCli(executable, [word, '--json']);
    expect(JSON.parse(stdout)).toEqual({
      name: 'ota-fleet',
      version,
      node: process.versions.node,
      platform: `${process.platform}-${process.arch}`,
      formats: { package: 'ota-fleet/1', delta: ['otad', 'otad-repack', 'otad-inplace', 'bsdf2', 'bsdiff40'] },
    });
    expect(status).toBe(0);
  });
});

test('an unknown flag is a usage error that suggests the one that was meant', async () => {
  const { status, stderr } = await runCli('ota', ['version', '--jsno']);
  expect(status).toBe(2);
  expect(stderr).toContain('Did you mean --json?');
});

test('a topic without a command names the commands it holds', async () => {
  const { status, stderr } = await runCli('ota', ['keys']);
  expect(status).toBe(2);
  expect(stderr).toContain('`ota keys` needs a command: generate, inspect, public.');
});

test('the help of a topic lists its commands', async () => {
  const { status, stdout } = await runCli('ota', ['keys', '--help']);
  expect(status).toBe(0);
  expect(stdout).toContain('keys generate');
});
