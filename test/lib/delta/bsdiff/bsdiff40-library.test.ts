import { execFile } from 'node:child_process';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { writeRealFirmware } from '../../../support/firmware.js';
import { type TestFolder, testFolder } from '../../../support/folder.js';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../../../..');

/** The built product in a folder of its own, beside a library that calls itself 7z-wasm, or none. */
async function installation(library?: string): Promise<TestFolder> {
  const folder = await testFolder();
  await Promise.all(
    ['bin', 'dist', 'package.json'].map((part) => cp(join(root, part), folder.file(part), { recursive: true })),
  );
  if (library !== undefined) {
    await mkdir(folder.file('node_modules/7z-wasm'), { recursive: true });
    await writeFile(folder.file('node_modules/7z-wasm/index.js'), library);
  }
  return folder;
}

async function ota(
  installed: TestFolder,
  work: TestFolder,
  args: string[],
): Promise<{ status: number; stderr: string }> {
  const options = { cwd: work.path, env: { PATH: process.env.PATH, NO_COLOR: '1', HOME: installed.path } };
  return run(process.execPath, [installed.file('bin/ota.js'), ...args], options).then(
    ({ stderr }) => ({ status: 0, stderr }),
    (error: { code: number; stderr: string }) => ({ status: error.code, stderr: error.stderr }),
  );
}

const PACK = 'pack --from old.bin --from-version 1.0.0 --to new.bin --format bsdiff40 --product hub --version 1.1.0'
  .concat(' --sequence 2 --model hub --sign test.key --out update.ota')
  .split(' ');

/** A library that does as it is told, and says that it is the 7-Zip which is wanted. */
const sevenZip = (callMain: string, banner = '7-Zip (z) 24.09') => `
  module.exports = async ({ print }) => ({
    FS: { readFile: () => Buffer.from('no patch at all') },
    callMain: () => { print('${banner}'); ${callMain} },
  });`;

describe('ota pack --format bsdiff40 leaves nothing when 7z-wasm', () => {
  test.each([
    ['is not installed', undefined, 2, '7z-wasm is not usable here', 'npm install 7z-wasm'],
    ['does not load', 'throw new Error("built for another Node")', 2, 'built for another Node', 'npm install 7z-wasm'],
    ['is another version', sevenZip('return 0', '7-Zip (z) 31.00'), 2, 'expected 7-Zip 24.09', 'format otad or bsdf2'],
    ['fails', sevenZip('print("no memory"); return 8'), 6, 'status 8: no memory', '--format bsdf2'],
    ['throws what is no error', sevenZip('throw 262752'), 6, 'could not pack a stream of the patch', '--format bsdf2'],
    ['writes something else', sevenZip('return 0'), 6, 'the bsdiff40 patch made for it is not right', '--format bsdf2'],
  ])('%s', async (_, library, status, message, suggestion) => {
    await using installed = await installation(library);
    await using work = await testFolder();
    await writeRealFirmware(work.path, 'movehub');
    await ota(installed, work, ['keys', 'generate', '--test', '--out', 'test']);
    const before = await work.state();
    const result = await ota(installed, work, PACK);
    expect(result.stderr).toContain(message);
    expect(result.stderr).toContain(suggestion);
    expect(result.status).toBe(status);
    expect(await work.state()).toEqual(before);
  });
});
