import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../support/cli.js';
import { writeRealFirmware } from '../support/firmware.js';
import { type TestFolder, testFolder } from '../support/folder.js';
import { runFaulty } from '../support/strace.js';

const RELEASE = ['--product', 'hub', '--model', 'movehub', '--version', '2.0.0', '--sequence', '2'];
const PACK = ['pack', '--from', 'old.bin', '--to', 'new.bin', '--full', ...RELEASE, '--sign', 'release.key'];
const APPLY = ['apply', 'good.ota', '--base', 'old.bin', '--key', 'release.pub', '--allow-test-keys'];

interface Command {
  name: string;
  args: string[];
  /** What --out says; without it the command works in place. */
  out?: string;
  /** The files it makes or changes. */
  outputs: string[];
}

/** Every way in which a command writes. */
const COMMANDS: Command[] = [
  { name: 'apply', args: APPLY, out: 'made.bin', outputs: ['made.bin'] },
  { name: 'pack', args: PACK, out: 'made.ota', outputs: ['made.ota'] },
  { name: 'keys generate', args: ['keys', 'generate'], out: 'made', outputs: ['made.key', 'made.pub'] },
  { name: 'sign', args: ['sign', 'good.ota', '--key', 'second.key'], outputs: ['good.ota'] },
];

const ERRORS = [
  { syscall: 'pwrite64', errno: 'ENOSPC', says: 'no space left on the device' },
  { syscall: 'fsync', errno: 'EIO', says: 'EIO: i/o error' },
  { syscall: 'fchmod', errno: 'EROFS', says: 'the file system is read-only' },
  { syscall: 'link', errno: 'EIO', says: 'EIO: i/o error' },
  { syscall: 'rename', errno: 'EIO', says: 'EIO: i/o error' },
];
const CALLS = ['pwrite64', 'fchmod', 'fsync', 'link', 'rename', 'unlink'];

/** File systems that a command may find. */
const DISKS = [
  // One page is left: a long write is cut short, the next one finds no space.
  { disk: 'full', prepare: 'head -c 61440 /dev/zero > disk/filler', says: 'no space left on the device' },
  { disk: 'read-only', prepare: 'mount -o remount,ro disk', says: 'the file system is read-only' },
];
const PRIVATE_MOUNTS = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
const MOUNT = 'mount -t tmpfs -o size=64k tmpfs disk';

let arranged: TestFolder;
/** What each output holds when the command ends well; keys are random, so only their shape is known. */
const wholeOutputs = new Map<string, Buffer>();

beforeAll(async () => {
  arranged = await testFolder();
  await mkdir(arranged.file('tmp'));
  await writeRealFirmware(arranged.path, 'movehub');
  const ota = async (folder: TestFolder, ...args: string[]) => {
    expect(await runCli('ota', args, { cwd: folder.path })).toMatchObject({ status: 0 });
  };
  await ota(arranged, 'keys', 'generate', '--test', '--out', 'release');
  await ota(arranged, 'keys', 'generate', '--test', '--out', 'second');
  await ota(arranged, ...PACK, '--out', 'good.ota');
  await using undisturbed = await freshFolder();
  for (const command of COMMANDS) {
    await ota(undisturbed, ...argsOf(command));
    for (const output of command.outputs) {
      wholeOutputs.set(`${command.name} ${output}`, await readFile(undisturbed.file(output)));
    }
  }
});

afterAll(() => arranged[Symbol.asyncDispose]());

async function freshFolder(): Promise<TestFolder> {
  const folder = await testFolder();
  await cp(arranged.path, folder.path, { recursive: true });
  return folder;
}

/** Names of files with their hashes, without the path of the folder. */
async function stateOf(folder: TestFolder): Promise<Record<string, string>> {
  return Object.fromEntries(Object.entries(await folder.state()).map(([path, hash]) => [basename(path), hash]));
}

/** Quiet, so that stderr holds the refusal alone. */
const argsOf = ({ args, out }: Command): string[] => [...args, '--quiet', ...(out === undefined ? [] : ['--out', out])];
/** Only a command that replaces a file renames. */
const makes = ({ out }: Command, syscall: string): boolean => syscall !== 'rename' || out === undefined;

async function isWhole(folder: TestFolder, { name }: Command, output: string): Promise<boolean> {
  const content = await readFile(folder.file(output));
  const expected = wholeOutputs.get(`${name} ${output}`)!;
  if (!/\.(key|pub)$/.test(output)) return content.equals(expected);
  const pem = /^-----BEGIN (\w+ KEY)-----\n[^-]+-----END \1-----\n$/;
  return content.length === expected.length && pem.test(content.toString());
}

/** Runs the command with its output on a small disk of its own, which nobody else sees. */
async function runOnDisk(folder: TestFolder, { name, args, out = `${name}.out` }: Command, prepare: string) {
  const script = `${MOUNT} && ${prepare} && "$@"; status=$?; ls -A disk >left; exit $status`;
  const result = await runCli('ota', [...args, '--quiet', '--out', `disk/${out}`], {
    cwd: folder.path,
    node: ['unshare', ...PRIVATE_MOUNTS, 'sh', '-c', script, 'sh', process.execPath],
  });
  const left = await readFile(folder.file('left'), 'utf8');
  await rm(folder.file('left'));
  return { ...result, left: left.split('\n').filter((file) => file !== '' && file !== 'filler') };
}

const ONE_SENTENCE = (says: string) => new RegExp(`^error: [^\\n]*: ${says}\\n( {2}→ [^\\n]*\\n)+$`);

describe.each(COMMANDS)('$name', (command) => {
  const errors = ERRORS.filter(({ syscall }) => makes(command, syscall));
  test.each(errors)('is refused when any $syscall fails with $errno', async ({ syscall, errno, says }) => {
    for (let when = 1; ; when++) {
      await using folder = await freshFolder();
      const before = await stateOf(folder);
      const run = await runFaulty(folder, argsOf(command), { syscall, injection: `error=${errno}`, when });
      if (!run.injected) return expect(when, 'calls that were made to fail').toBeGreaterThan(1);
      expect({ when, ...run }).toMatchObject({
        when,
        status: 6,
        stdout: '',
        stderr: expect.stringMatching(ONE_SENTENCE(says)),
      });
      // Once a file has been replaced, it cannot be taken back when its folder cannot be synced.
      const replaced = command.out === undefined && syscall === 'fsync' && when === 2;
      if (replaced) expect(await isWhole(folder, command, command.outputs[0]!)).toBe(true);
      else expect(await stateOf(folder)).toEqual(before);
    }
  });

  const calls = CALLS.filter((syscall) => makes(command, syscall));
  test.each(calls)('killed at any %s, leaves its output absent or whole', async (syscall) => {
    for (let when = 1; ; when++) {
      await using folder = await freshFolder();
      const before = await stateOf(folder);
      const run = await runFaulty(folder, argsOf(command), { syscall, injection: 'signal=KILL', when });
      if (!run.injected) return expect(when, 'calls at which it was killed').toBeGreaterThan(1);
      expect({ when, status: run.status, stdout: run.stdout }).toEqual({ when, status: null, stdout: '' });
      const after = await stateOf(folder);
      for (const [name, hash] of Object.entries(before)) {
        if (!command.outputs.includes(name)) expect(after[name], name).toBe(hash);
      }
      for (const output of command.outputs) {
        if (after[output] !== before[output]) expect(await isWhole(folder, command, output), output).toBe(true);
      }
      // Nothing that stayed behind stands in the way, a lock among it.
      expect(await runCli('ota', [...argsOf(command), '--force'], { cwd: folder.path })).toMatchObject({ status: 0 });
    }
  });

  test('completes when every write is interrupted once', async () => {
    await using folder = await freshFolder();
    const names = new Set([...Object.keys(await stateOf(folder)), ...command.outputs]);
    const fault = { syscall: 'pwrite64', injection: 'error=EINTR', when: '1+2' };
    expect(await runFaulty(folder, argsOf(command), fault)).toMatchObject({ injected: true, status: 0 });
    for (const output of command.outputs) expect(await isWhole(folder, command, output), output).toBe(true);
    expect(new Set(Object.keys(await stateOf(folder)))).toEqual(names);
  });

  test.each(DISKS)('is refused by a $disk disk', async ({ prepare, says }) => {
    await using folder = await freshFolder();
    await mkdir(folder.file('disk'));
    const before = await stateOf(folder);
    const run = await runOnDisk(folder, command, prepare);
    expect(run).toEqual({ status: 6, stdout: '', stderr: expect.stringMatching(ONE_SENTENCE(says)), left: [] });
    expect(await stateOf(folder)).toEqual(before);
  });
});
