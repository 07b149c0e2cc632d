import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Flags } from '@oclif/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ConfigContext, configuredArgv } from '../../../src/lib/ui/config.js';
import { allowTestKeysFlag, forceFlag, inputFlag, passphraseFlags } from '../../../src/lib/ui/flags.js';
import type { ConfigurableFlags } from '../../../src/lib/ui/setting.js';

const flags = {
  json: Flags.boolean(),
  product: Flags.string({ char: 'p' }),
  threshold: Flags.integer(),
  quiet: Flags.boolean({ char: 'q' }),
  color: Flags.boolean({ allowNo: true }),
  key: Flags.file({ multiple: true, char: 'k', exactlyOne: ['key', 'trust'] }),
  trust: Flags.file({ exactlyOne: ['key', 'trust'] }),
  base: inputFlag(),
  model: Flags.string({ multiple: true }),
  revision: Flags.string({ dependsOn: ['model'] }),
  build: Flags.string({ dependsOn: ['revision', 'level'] }),
  level: Flags.integer({ default: 1 }),
  'signer-command': Flags.string(),
  force: forceFlag,
  'allow-test-keys': allowTestKeysFlag,
  ...passphraseFlags,
} as ConfigurableFlags;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ota-config-'));
});
afterEach(() => rm(folder, { recursive: true }));

const configured = (context: Partial<ConfigContext>) =>
  configuredArgv({
    argv: [],
    flags,
    bin: 'ota',
    commandId: 'trust:init',
    environment: { XDG_CONFIG_HOME: folder, ...context.environment },
    directory: folder,
    ...Object.fromEntries(Object.entries(context).filter(([name]) => name !== 'environment')),
  });
const project = (content: unknown) =>
  writeFile(join(folder, 'ota.config.json'), typeof content === 'string' ? content : JSON.stringify(content));

describe('what the environment adds', () => {
  test.each([
    [{ OTA_PRODUCT: 'gw-100' }, ['--product=gw-100']],
    [{ OTA_PRODUCT: '' }, []],
    [{ FLEET_PRODUCT: 'gw-100' }, []],
    [{ OTA_QUIET: '1', OTA_COLOR: 'off' }, ['--quiet', '--no-color']],
    [{ OTA_QUIET: '0' }, []],
    [{ OTA_MODEL: 'a,b' }, ['--model=a', '--model=b']],
    [{ OTA_SIGNER_COMMAND: './sign.sh' }, ['--signer-command=./sign.sh']],
    [{ OTA_TRUST: 'root.json' }, ['--trust=root.json']],
    [{ OTA_PASSPHRASE_ENV: 'SIGN_PASS' }, ['--passphrase-env=SIGN_PASS']],
    [{ OTA_PASSPHRASE: 'hunter2', OTA_DEBUG: '1' }, []],
  ])('%j', async (environment, words) => {
    expect((await configured({ argv: ['a.ota'], environment })).argv).toEqual(['a.ota', ...words]);
  });

  test.each([
    [{ OTA_QUIET: 'perhaps' }, 'OTA_QUIET: must be 1 or 0'],
    [{ OTA_FORCE: '1' }, 'OTA_FORCE: --force can only be given on the command line'],
    [{ OTA_ALLOW_TEST_KEYS: '0' }, 'OTA_ALLOW_TEST_KEYS: --allow-test-keys can only be given on the command line'],
    [{ OTA_PASSPHRASE_STDIN: '1' }, 'OTA_PASSPHRASE_STDIN: --passphrase-stdin can only be given on the command line'],
  ])('%j is refused', async (environment, message) => {
    await expect(configured({ environment })).rejects.toMatchObject({ code: 'CONFIG_INVALID', exitCode: 2, message });
  });
});

describe('what was typed', () => {
  const environment = { OTA_PRODUCT: 'configured', OTA_QUIET: '1', OTA_COLOR: '1' };

  test.each([
    [
      ['--product', 'x'],
      ['--quiet', '--color'],
    ],
    [['--product=x'], ['--quiet', '--color']],
    [['-px', '--no-color'], ['--quiet']],
    [['-qp', 'x'], ['--color']],
    [['-q', '--color', '-p', 'x'], []],
    [
      ['--', '--product', 'x'],
      ['--product=configured', '--quiet', '--color'],
    ],
  ])('%j wins', async (argv, added) => {
    const words = (await configured({ argv, environment })).argv;
    expect(words.filter((word) => !argv.includes(word)).toSorted()).toEqual(added.toSorted());
  });

  test('also replaces a configured flag that it excludes', async () => {
    await project({ trust: 'root.json', product: 'x' });
    expect((await configured({ argv: ['-k', 'a.pub'] })).argv).toEqual(['-k', 'a.pub', '--product=x']);
  });

  test.each([
    [{ revision: 'b', build: '7' }, [], []],
    [{ revision: 'b', build: '7' }, ['--model=a'], ['--model=a', '--revision=b', '--build=7']],
    [{ revision: 'b', model: ['a'] }, [], ['--revision=b', '--model=a']],
  ])('%j with %j typed: what depends on an unset flag is left out', async (content, argv, words) => {
    await project(content);
    expect((await configured({ argv })).argv).toEqual(words);
  });

  test('keeps what follows -- last', async () => {
    await project({ product: 'x' });
    expect((await configured({ argv: ['a', '--', 'b'] })).argv).toEqual(['a', '--product=x', '--', 'b']);
  });
});

describe('what a project file adds', () => {
  test('its paths are relative to it', async () => {
    await project({ key: ['keys/a.pub', '/etc/b.pub'], base: 'base.bin', product: 'not/a/path' });
    const deeper = join(folder, 'deep', 'er');
    await mkdir(deeper, { recursive: true });
    expect((await configured({ directory: deeper })).argv).toEqual([
      `--key=${join(folder, 'keys/a.pub')}`,
      '--key=/etc/b.pub',
      `--base=${join(folder, 'base.bin')}`,
      '--product=not/a/path',
    ]);
  });

  test.each(['-', 'https://example.org/a.bin'])('%s is no path', async (base) => {
    await project({ base });
    expect((await configured({})).argv).toEqual([`--base=${base}`]);
  });

  test('the section of the command wins over the top level', async () => {
    await project({ product: 'top', threshold: 1, 'trust init': { product: 'section' }, pack: { product: 'other' } });
    expect((await configured({})).argv.toSorted()).toEqual(['--product=section', '--threshold=1']);
  });

  test('a value that looks like a flag stays a value', async () => {
    await project({ product: '--force' });
    expect((await configured({})).argv).toEqual(['--product=--force']);
  });

  test('says which file set what', async () => {
    await project({ product: 'x', threshold: 2 });
    const { filesUsed, origins } = await configured({ environment: { OTA_PRODUCT: 'y' } });
    expect(filesUsed).toEqual([{ file: 'ota.config.json', settings: ['threshold'] }]);
    expect(Object.fromEntries(origins)).toEqual({ product: 'OTA_PRODUCT', threshold: join(folder, 'ota.config.json') });
  });

  test.each([
    ['text that is no JSON', '{', 'expected a key in double quotes'],
    ['duplicate keys', '{"product":"a","product":"b"}', 'duplicate key "product"'],
    ['a list', [], 'the file must hold an object'],
    ['a secret', { passphrase: 'hunter2' }, '"passphrase": a secret does not belong into a configuration file'],
    ['a secret in a section', { 'trust init': { token: 'x' } }, '"trust init" has no flag "token"'],
    ['a misspelled flag in a section', { 'trust init': { treshold: 2 } }, '"trust init" has no flag "treshold"'],
    ['a name that every object has', { 'trust init': { toString: 'x' } }, '"trust init" has no flag "toString"'],
    ['a program', { 'signer-command': 'touch pwned' }, 'a project file cannot set --signer-command'],
    ['a section that is none', { 'trust init': 5 }, '"trust init" must hold an object'],
    ['test keys', { 'allow-test-keys': true }, '--allow-test-keys can only be given on the command line'],
    ['a list for a single value', { product: ['a', 'b'] }, '"product" takes one value, not a list'],
    ['text for a switch', { quiet: 'yes' }, '"quiet" must be true or false'],
    ['null', { product: null }, '"product" must be text or a number'],
    ['too much', `{"x":"${'a'.repeat(70_000)}"}`, 'the configuration has 70008 bytes'],
  ])('%s is refused', async (_, content, fact) => {
    await project(content);
    const refusal = configured({});
    await expect(refusal).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(fact) });
    await expect(refusal).rejects.not.toMatchObject({ message: expect.stringContaining('hunter2') });
  });
});

describe('a key of a configuration file', () => {
  const known = () => ({ options: new Set(['threshold', 'product']), commands: new Set(['pack', 'trust init']) });

  test('may name any option or command of the package', async () => {
    await project({ threshold: 2, pack: { product: 'a' }, 'trust init': { product: 'b' } });
    expect((await configured({ known })).argv).toEqual(['--threshold=2', '--product=b']);
  });

  test.each(['treshold', 'sign'])(
    '%s, which names neither, is refused: a misspelled threshold would not hold',
    async (key) => {
      await project({ [key]: 2 });
      await expect(configured({ known })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(`"${key}" is neither an option nor a command`),
      });
    },
  );
});
