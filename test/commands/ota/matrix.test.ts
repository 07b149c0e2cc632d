import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MatrixReport } from '../../../src/lib/package/matrix-report.js';
import { realFirmware } from '../../support/firmware.js';
import { type TestFolder, testFolder } from '../../support/folder.js';
import { otaInProcess } from '../in-process.js';

let folder: TestFolder;
beforeAll(async () => {
  folder = await testFolder();
  const { old, new: target } = await realFirmware('movehub');
  await mkdir(folder.file('released'));
  // The first parts are enough to compare, and take a tenth of the time.
  const image = Buffer.from(old.subarray(0, 9000));
  await writeFile(folder.file('released/v10.bin'), image);
  await writeFile(folder.file('released/v2.bin'), Buffer.concat([image.subarray(2000), image.subarray(0, 1000)]));
  await writeFile(folder.file('released/.hidden'), 'not an image');
  await writeFile(folder.file('new.bin'), target.subarray(0, 9100));
  await writeFile(folder.file('released/v11.bin'), target.subarray(0, 9100));
});
afterAll(() => folder[Symbol.asyncDispose]());

const matrix = (...args: string[]) => otaInProcess(['matrix', '--to', 'new.bin', ...args], folder.path);
const report = async (...args: string[]): Promise<MatrixReport> => {
  const { stdout, stderr } = await matrix('--json', ...args);
  expect(stderr).toBe('');
  return JSON.parse(stdout);
};
const SMALL = ['--formats', 'bsdf2,otad', '--from', 'released'];

describe('ota matrix', () => {
  test('compares every format for every image of a folder, by name, without the new one', async () => {
    const { rows, skipped, target, formats } = await report(...SMALL);
    expect(target).toMatchObject({ name: 'new.bin', size: 9100 });
    expect(formats).toEqual(['bsdf2', 'otad']);
    expect(rows.map(({ base }) => base.name)).toEqual(['released/v2.bin', 'released/v10.bin']);
    expect(skipped).toEqual(['released/v11.bin']);
    for (const { cells, chosen } of rows) {
      expect(cells.map(({ format }) => format)).toEqual(['full', 'bsdf2', 'otad']);
      const sizes = cells.map((cell) => ('size' in cell ? cell.size : Number.NaN));
      expect(chosen!.size).toBe(Math.min(...sizes));
      expect(cells[0]).toMatchObject({ size: 9100, storageBytes: 0 });
    }
  });

  test('gives the sizes that packing gives', async () => {
    const { rows } = await report('--formats', 'otad', '--from', 'released/v10.bin');
    const release = '--product p --model m --version 2.0.0 --sequence 2 --format otad --out x.ota --json --dry-run';
    const packing = ['pack', '--from', 'released/v10.bin', '--to', 'new.bin', ...release.split(' ')];
    const { payloads } = JSON.parse((await otaInProcess(packing, folder.path)).stdout);
    const { size, applyMemoryBytes, storageBytes } = payloads[0];
    expect(rows[0]!.cells[1]).toMatchObject({ size, applyMemoryBytes, storageBytes });
  });

  test('chooses by what devices apply, and marks with status 9 what is over budget', async () => {
    const choice = [...SMALL, '--device-formats', 'full,bsdf2'];
    const { stdout, status } = await matrix(...choice, '--budget', '1KB', '--json');
    expect(status).toBe(9);
    const { rows } = JSON.parse(stdout) as MatrixReport;
    for (const { chosen, isOverBudget } of rows) {
      expect(['full', 'bsdf2']).toContain(chosen!.format);
      expect(isOverBudget).toBe(chosen!.size > 1000);
    }
    const text = await matrix(...choice, '--budget', '1KB');
    expect(text).toMatchObject({ status: 9, stdout: expect.stringMatching(/bsdf2 .*OVER BUDGET/) });
    expect(text.stdout).toMatch(/otad .*not for these devices/);
    expect(text.stdout).toContain('budget 1 KB');
    expect(text.stderr).toMatch(/warning: \d of \d bases are over the budget of 1 KB: /);
    expect(await matrix(...choice, '--budget', '1MB')).toMatchObject({ status: 0 });
  });

  test('draws the same numbers as a picture or a page that run nothing', async () => {
    const { rows } = await report(...SMALL, '--chart', 'chart.html');
    await report(...SMALL, '--chart', 'chart.svg', '--device-formats', 'full,otad');
    const [page, picture] = await Promise.all(
      ['chart.html', 'chart.svg'].map((name) => readFile(folder.file(name), 'utf8')),
    );
    for (const text of [page!, picture!]) {
      expect(text).toMatch(/<svg [^>]*role="img" aria-labelledby="matrix-title matrix-words"/);
      expect(text).toContain('<title id="matrix-title">Deltas to new.bin</title>');
      for (const { chosen } of rows)
        expect(text).toMatch(new RegExp(`<title>${chosen!.format}: ${chosen!.size} bytes`));
      expect(text).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/);
    }
    expect(picture).toContain('(not applied)');
    expect(page).toContain('The devices apply full, otad');
    expect(page).toMatch(/Left out, being the new image or given twice: .*v11\.bin/);
    expect(page!.match(/<tr class="chosen">/g)).toHaveLength(2);
  });

  test('keeps a chart that is there, and knows no other kind', async () => {
    await writeFile(folder.file('mine.svg'), 'mine');
    const before = await folder.state();
    expect(await matrix(...SMALL, '--chart', 'mine.svg')).toMatchObject({ status: 8 });
    expect(await matrix(...SMALL, '--chart', 'chart.png')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--chart chart.png: the name does not say what to draw'),
    });
    expect(await matrix(...SMALL, '--chart', 'dry.svg', '--dry-run')).toMatchObject({ status: 0 });
    expect(await folder.state()).toEqual(before);
  });

  test.each<[string, string[], number, RegExp]>([
    [
      'bases that are all the new image',
      ['--from', 'new.bin', 'released/v11.bin'],
      2,
      /every --from is this very image/,
    ],
    [
      'memory in which no delta can be made',
      ['--from', 'released', '--max-memory', '1MB'],
      9,
      /no delta can be made: .* is made with \d+ bytes \(\d+ MiB\) of memory at least/,
    ],
    ['a missing base', ['--from', 'gone.bin'], 16, /gone.bin/],
    ['an empty folder', ['--from', 'empty'], 2, /the folder holds no image/],
    [
      'formats that contradict',
      ['--from', 'released', '--in-place', '--device-formats', 'otad'],
      2,
      /--in-place: the devices apply otad only/,
    ],
  ])('refuses %s', async (_, args, status, message) => {
    await mkdir(folder.file('empty'), { recursive: true });
    const got = await matrix(...args);
    expect(got.stderr).toMatch(message);
    expect(got.status).toBe(status);
  });
});
