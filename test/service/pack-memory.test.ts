import { open, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PackReport } from '../../src/lib/package/pack-report.js';
import { runCli } from '../support/cli.js';
import { realFirmware } from '../support/firmware.js';
import { type TestFolder, testFolder } from '../support/folder.js';
import { peakMemory } from '../support/peak-memory.js';

const MIB = 2 ** 20;
/** Some megabytes of code of a large program, from where its segment of instructions is. */
const CODE_AT = 24 * MIB;
const CODE_BYTES = 4 * MIB;
/** A few bytes come in now and then, so that everything behind them moves. */
const INSERTED_EVERY = 50_000;
const CHANGED_EVERY = 311;

let folder: TestFolder;
beforeAll(async () => {
  folder = await testFolder();
  for (const hub of ['movehub', 'primehub'] as const) {
    const images = await realFirmware(hub);
    await writeFile(folder.file(`${hub}.old`), images.old);
    await writeFile(folder.file(`${hub}.new`), images.new);
  }
  const code = Buffer.alloc(CODE_BYTES);
  await using program = await open(process.execPath);
  await program.read(code, 0, CODE_BYTES, CODE_AT);
  await writeFile(folder.file('code.old'), code);
  const pieces: Buffer[] = [];
  for (let at = 0; at < CODE_BYTES; at += INSERTED_EVERY) {
    pieces.push(code.subarray(at, at + INSERTED_EVERY), Buffer.alloc(16 + (at % 48), at % 251));
  }
  const moved = Buffer.concat(pieces);
  for (let at = 0; at < moved.length; at += CHANGED_EVERY) moved[at]! ^= at % 255;
  await writeFile(folder.file('code.new'), moved);
});
afterAll(() => folder[Symbol.asyncDispose]());

async function pack(name: string, ...words: string[]) {
  const release = '--product p --model m --version 2.0.0 --sequence 2 --dry-run --json --quiet'.split(' ');
  const images = ['--from', `${name}.old`, '--to', `${name}.new`, '--out', 'x.ota'];
  const { peakBytes, stdout, stderr, status } = await peakMemory(folder.path, (node, env) =>
    runCli('ota', ['pack', ...release, ...images, ...words], { cwd: folder.path, node, env }),
  );
  return { peakBytes, stderr, status, report: JSON.parse(stdout) as PackReport };
}

describe('ota pack takes no more memory than it announces', () => {
  test.each([
    ['movehub', []],
    ['movehub', ['--format', 'bsdf2']],
    ['movehub', ['--format', 'otad-inplace']],
    ['primehub', []],
    ['primehub', ['--format', 'bsdiff40']],
    ['code', ['--format', 'otad']],
    ['code', ['--format', 'otad', '--coder', 'lzma']],
    ['code', ['--format', 'otad', '--coder', 'brotli', '--effort', 'normal']],
    ['code', ['--format', 'otad', '--coder', 'none']],
    ['code', ['--format', 'bsdf2', '--effort', 'normal']],
    ['movehub', ['--format', 'otad', '--max-memory', '150MB']],
    ['primehub', ['--format', 'auto', '--max-memory', '160MB']],
    ['code', ['--format', 'otad', '--max-memory', '155MB']],
    ['code', ['--format', 'otad', '--coder', 'brotli', '--max-memory', '155MB']],
    ['code', ['--format', 'otad', '--coder', 'lzma', '--max-memory', '165MB']],
    ['code', ['--format', 'bsdf2', '--max-memory', '160MB']],
    ['code', ['--format', 'otad', '--max-memory', '512MB']],
  ])(
    '%s %s',
    async (name, words) => {
      const { peakBytes, stderr, status, report } = await pack(name, ...words);
      expect(status, stderr).toBe(0);
      expect(peakBytes).toBeLessThanOrEqual(report.choices[0]!.makingMemoryBytes);
    },
    60_000,
  );

  test('or refuses at once what does not fit, with what the least is', async () => {
    const { status, report, peakBytes } = await pack('code', '--format', 'otad', '--max-memory', '128MB');
    expect(status).toBe(9);
    expect(report).toMatchObject({ error: { code: 'LIMIT_EXCEEDED', message: expect.stringContaining('128000000') } });
    expect(peakBytes).toBeLessThan(128e6);
  });
});
