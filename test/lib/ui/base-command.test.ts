import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleScript, type Script, type ScriptOptions } from '../../support/scripts.js';

let script: Script;
let folder: string;

beforeAll(async () => {
  script = await bundleScript('command');
  folder = await mkdtemp(join(tmpdir(), 'ota-ui-'));
});
afterAll(async () => {
  await script[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const run = (args: string[], options: ScriptOptions = {}) => script.start(args, { cwd: folder, ...options }).ended;

describe('a command that succeeds', () => {
  test('writes the result to stdout and everything else to stderr', async () => {
    expect(await run(['a.ota'])).toMatchObject({
      status: 0,
      stdout: 'result a.ota\n',
      stderr: 'a note\nwarning: a warning\n',
    });
  });

  test('--quiet leaves the result and the warnings', async () => {
    expect(await run(['a.ota', '-q'])).toMatchObject({ stdout: 'result a.ota\n', stderr: 'warning: a warning\n' });
  });

  test('--json prints exactly one document', async () => {
    const { status, stdout } = await run(['a.ota', '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ args: { package: 'a.ota' } });
  });

  test('--json hides nothing from the person who looks at it', async () => {
    const { stdout } = await run(['a\u202e\u009b\u{e0041}', '--json']);
    expect(stdout).toContain(String.raw`"a\u202e\u009b\udb40\udc41"`);
    expect(JSON.parse(stdout).args.package).toBe('a\u202e\u009b\u{e0041}');
  });

  test('--json after -- is an argument', async () => {
    expect(await run(['--', '--json'])).toMatchObject({ status: 0, stdout: 'result --json\n' });
  });

  test('a reader that goes away early is no failure', async () => {
    const flooding = script.start(['a.ota', '--behaviour', 'flood']);
    flooding.process.stdout!.once('data', () => flooding.process.stdout!.destroy());
    expect(await flooding.ended).toMatchObject({ status: 0, stderr: 'a note\nwarning: a warning\n' });
  });
});

describe('a reader of stderr that goes away', () => {
  test('does not stop the command', async () => {
    const reading = script.start(['a.ota', '--behaviour', 'read stdin'], { stdin: null });
    await reading.seen('waiting');
    reading.process.stderr!.destroy();
    reading.process.stdin!.end('x'.repeat(100_000));
    expect(await reading.ended).toMatchObject({ status: 0, stdout: 'result a.ota\n' });
  });
});

describe('a command that fails', () => {
  const usageHelp = 'Run `ota probe --help` to see its arguments and flags.';

  test.each([
    ['a missing argument', [], 'missing argument PACKAGE'],
    ['too many arguments', ['a', 'b'], 'unexpected argument "b"'],
    ['an unknown flag', ['a', '--what'], 'unknown flag --what'],
    ['a flag without its value', ['a', '--product'], '--product needs a value'],
    ['a value of the wrong kind', ['a', '--threshold', 'x'], '--threshold: expected a whole number, got "x"'],
    ['flags that exclude each other', ['a', '-k', 'x', '--trust', 'y'], '--key and --trust exclude each other'],
  ])('%s is a usage error, in text and as JSON', async (_, args, fact) => {
    const text = await run(args);
    expect(text).toMatchObject({ status: 2, stdout: '' });
    expect(text.stderr).toContain(`error: ${fact}\n`);
    expect(text.stderr).toContain(`  → ${usageHelp}\n`);
    const json = await run([...args, '--json']);
    expect(json).toMatchObject({ status: 2, stderr: '' });
    expect(JSON.parse(json.stdout)).toEqual({
      error: { code: 'USAGE', exitStatus: 2, message: fact, suggestions: [usageHelp] },
    });
  });

  test('a misspelled flag gets a suggestion', async () => {
    expect((await run(['a', '--treshold', '2'])).stderr).toContain('  → Did you mean --threshold?\n');
  });

  test('an unknown flag does not show its value, which may be a secret', async () => {
    const { status, stdout, stderr } = await run(['a', '--pasphrase=hunter2', '--json']);
    expect(status).toBe(2);
    expect(stdout + stderr).not.toContain('hunter2');
  });

  test.each([['--passphrase', 'hunter2'], ['--passphrase=hunter2'], ['--token=hunter2'], ['-password', 'hunter2']])(
    'a secret in argv is refused and not shown (%s)',
    async (...words) => {
      const { status, stdout, stderr } = await run(['a', ...words, '--json']);
      expect(status).toBe(2);
      expect(JSON.parse(stdout).error).toMatchObject({
        code: 'SECRET_IN_ARGV',
        suggestions: ['Use --passphrase-env or --passphrase-stdin, and change this secret.'],
      });
      expect(stdout + stderr).not.toContain('hunter2');
    },
  );

  test('a value that a flag itself refuses keeps its code and suggestion', async () => {
    expect(await run(['a', '--max-size', '4M'])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(
        /^error: --max-size: "4M" is no size in whole bytes\n {2}→ Write a number with B, /,
      ),
    });
  });

  test('a refusal exits with its own status, in text and as JSON', async () => {
    expect(await run(['a', '--behaviour', 'refuse'])).toMatchObject({
      status: 4,
      stdout: '',
      stderr: 'a note\nwarning: a warning\nerror: app.bin: SHA-256 differs\n  → Download it again.\n',
    });
    const json = await run(['a', '--behaviour', 'refuse', '--json']);
    expect(json.status).toBe(4);
    expect(JSON.parse(json.stdout)).toEqual({
      error: {
        code: 'PAYLOAD_MISMATCH',
        exitStatus: 4,
        message: 'app.bin: SHA-256 differs',
        suggestions: ['Download it again.'],
      },
    });
  });

  test('a bug exits 1 with one escaped sentence and no stack', async () => {
    const { status, stdout, stderr } = await run(['a', '-q', '--behaviour', 'bug']);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain(
      'this is a bug (TypeError: x is not a function\\u{1b}[2J)\n  → Run again with OTA_DEBUG=1',
    );
    expect(stderr).not.toMatch(/^\s+at /m);
    const json = await run(['a', '--behaviour', 'bug', '--json']);
    expect(json.status).toBe(1);
    expect(JSON.parse(json.stdout).error).toMatchObject({ code: 'INTERNAL', exitStatus: 1 });
  });

  test('an error that nothing awaited is a bug like any other', async () => {
    const { status, stdout, stderr } = await run(['a', '-q', '--behaviour', 'emit']);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('this is a bug (TypeError: x is not a function)\n');
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(JSON.parse((await run(['a', '--behaviour', 'emit', '--json'])).stdout).error.code).toBe('INTERNAL');
  });

  test('the stack is shown when asked for', async () => {
    const { status, stderr } = await run(['a', '--behaviour', 'bug'], { env: { OTA_DEBUG: '1' } });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^ {4}at /m);
  });

  test('a job that was being watched leaves no line behind', async () => {
    expect(await run(['a', '-q', '--behaviour', 'progress'], { stdin: 'no' })).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^warning: a warning\nerror: .*\n {2}→ .*\n$/),
    });
  });
});

describe('a command that is cancelled', () => {
  test.each([
    ['SIGINT', 130, 'INTERRUPTED'],
    ['SIGTERM', 143, 'TERMINATED'],
  ] as const)('%s exits %i, also when a library throws its own AbortError', async (signal, status, code) => {
    const waiting = script.start(['a', '--behaviour', 'wait']);
    await waiting.seen('waiting');
    waiting.process.kill(signal);
    const text = await waiting.ended;
    expect(text).toMatchObject({ status, signal: null, stdout: '' });
    expect(text.stderr).toMatch(/error: (Interrupted|Terminated)\n$/);

    const json = script.start(['a', '--behaviour', 'wait', '--json']);
    await json.seen('a warning');
    json.process.kill(signal);
    const ended = await json.ended;
    expect(ended.status).toBe(status);
    expect(JSON.parse(ended.stdout)).toMatchObject({ error: { code, exitStatus: status } });
  });

  test('while it reads a pipe that nobody writes to', async () => {
    const reading = script.start(['a', '--behaviour', 'read stdin'], { stdin: null });
    await reading.seen('waiting');
    reading.process.kill('SIGINT');
    expect(await reading.ended).toMatchObject({ status: 130, signal: null });
  });

  test('a second signal ends at once what does not listen to the first', async () => {
    const stubborn = script.start(['a', '--behaviour', 'ignore signals']);
    await stubborn.seen('waiting');
    stubborn.process.kill('SIGINT');
    await stubborn.seen('raised');
    stubborn.process.kill('SIGINT');
    expect(await stubborn.ended).toMatchObject({ status: 130, signal: null });
  });
});

describe('a secret', () => {
  const secretArgs = ['a', '-q', '--behaviour', 'secret'];

  test('is the first line of stdin', async () => {
    expect((await run(secretArgs, { stdin: 'hunter2\r\nmore' })).stdout).toContain('secret of 7 characters\n');
  });

  test('is taken without waiting for the end of stdin', async () => {
    const waiting = script.start(secretArgs, { stdin: null });
    waiting.process.stdin!.write('hunter2\n');
    await waiting.seen('secret of 7 characters');
    expect((await waiting.ended).status).toBe(0);
  });

  test.each([
    ['an empty line', '\n', 2],
    ['nothing', '', 2],
    ['a whole file', 'x'.repeat(5000), 9],
  ])('cannot be %s', async (_, stdin, status) => {
    expect(await run(secretArgs, { stdin })).toMatchObject({ status, stdout: '' });
  });
});

describe('configuration', () => {
  const flagsOf = async (args: string[], options: ScriptOptions = {}) => {
    const { stdout } = await run(['a', '--json', ...args], options);
    return JSON.parse(stdout).flags ?? JSON.parse(stdout).error;
  };

  test('a flag that was typed, then the environment, the project, the profile, the default', async () => {
    const project = join(folder, 'project');
    const profiles = join(folder, 'profiles');
    await mkdir(join(project, 'deep', 'er'), { recursive: true });
    await mkdir(join(profiles, 'ota-fleet'), { recursive: true });
    const profile = join(profiles, 'ota-fleet', 'config.json');
    const env = { OTA_THRESHOLD: '3', XDG_CONFIG_HOME: profiles };
    const cwd = join(project, 'deep', 'er');
    const threshold = async (args: string[], options: ScriptOptions) => (await flagsOf(args, options)).threshold;

    expect(await threshold([], {})).toBe(1);
    await writeFile(profile, '{"threshold": 5, "product": "from-profile"}', { mode: 0o600 });
    expect(await threshold([], { env: { XDG_CONFIG_HOME: profiles } })).toBe(5);
    await writeFile(join(project, 'ota.config.json'), '{"threshold": 4, "other": "ignored", "sign": {"key": 7}}');
    expect(await threshold([], { cwd, env: { XDG_CONFIG_HOME: profiles } })).toBe(4);
    expect(await threshold([], { cwd, env })).toBe(3);
    expect(await threshold(['--threshold', '2'], { cwd, env })).toBe(2);
    expect(await flagsOf([], { cwd, env })).toMatchObject({ threshold: 3, product: 'from-profile' });

    const { stderr } = await run(['a'], { cwd, env: { XDG_CONFIG_HOME: profiles } });
    expect(stderr).toContain(
      `Using threshold from ../../ota.config.json\nUsing product from ${join('..', '..', '..', 'profiles')}`,
    );

    await chmod(profile, 0o640);
    expect(await flagsOf([], { env: { XDG_CONFIG_HOME: profiles } })).toEqual({
      code: 'CONFIG_INVALID',
      exitStatus: 2,
      message: `${profile}: has mode 0640, expected 0600`,
      suggestions: [`Run \`chmod 600 ${profile}\`.`],
    });
  });

  test('a wrong value names where it stands', async () => {
    expect(await flagsOf([], { env: { OTA_THRESHOLD: 'x' } })).toMatchObject({
      code: 'USAGE',
      message: 'OTA_THRESHOLD: --threshold: expected a whole number, got "x"',
    });
  });

  test('OTA_JSON asks for JSON', async () => {
    expect(JSON.parse((await run(['a'], { env: { OTA_JSON: '1' } })).stdout)).toMatchObject({ args: { package: 'a' } });
    expect(JSON.parse((await run([], { env: { OTA_JSON: '1' } })).stdout).error).toMatchObject({ code: 'USAGE' });
  });
});

test('what is heavy is not loaded before it is needed', async () => {
  const { metafile } = await build({
    entryPoints: [join(import.meta.dirname, '../../../src/lib/ui/base-command.ts')],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    write: false,
    metafile: true,
  });
  const imports = Object.values(metafile.inputs).flatMap(({ imports }) => imports);
  const packages = (kind: string) =>
    new Set(
      imports
        .filter((one) => one.kind === kind && one.external && !one.path.startsWith('node:'))
        .map(({ path }) => path),
    );
  expect(packages('dynamic-import')).toEqual(new Set(['cli-progress', 'ora']));
  expect(packages('import-statement')).toEqual(new Set(['@oclif/core', 'fastest-levenshtein']));
});
