import { copyFile, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sha256Hex } from '../../src/lib/core/sha256.js';
import { createDelta } from '../../src/lib/delta/create-delta.js';
import type { Coder, DeltaFormat } from '../../src/lib/delta/formats.js';
import { writeRealFirmware } from '../support/firmware.js';
import { type TestFolder, testFolder } from '../support/folder.js';
import { nodeOfVersion } from '../support/nodes.js';
import { runApplier } from '../support/standalone-applier.js';

/** What devices have may be older than what the toolkit itself needs. */
const OLDEST_NODE = '20.0.0';

let node: string;
let folder: TestFolder;

beforeAll(async () => {
  node = await nodeOfVersion(OLDEST_NODE);
  folder = await testFolder();
  await writeRealFirmware(folder.path, 'movehub');
}, 300_000);

afterAll(() => folder[Symbol.asyncDispose]());

test.each<[format: DeltaFormat, coder: Coder | undefined]>([
  ['otad', 'mix'],
  ['otad', 'lzma'],
  ['otad', 'brotli'],
  ['otad', 'none'],
  ['otad-inplace', 'lzma'],
  ['bsdf2', undefined],
  ['bsdiff40', undefined],
])('dist/apply.mjs applies %s, coder %s, on Node 20', async (format, coder) => {
  const name = `${format}-${coder}`;
  const paths = { basePath: folder.file('old.bin'), targetPath: folder.file('new.bin'), outPath: folder.file(name) };
  const isInPlace = format === 'otad-inplace';
  const inPlace = isInPlace ? { inPlace: { blockBytes: 4096, spaceBytes: 16_384 } } : {};
  await createDelta({ format, ...paths, ...(coder === undefined ? {} : { coder }), ...inPlace });
  const target = await readFile(paths.targetPath);
  const out = folder.file(`${name}.bin`);
  if (isInPlace) await copyFile(paths.basePath, out);
  const baseSha256 = sha256Hex(await readFile(paths.basePath));
  const where = isInPlace
    ? ['--in-place', '--base-sha256', baseSha256]
    : ['--format', format, '--base', paths.basePath];
  const what = ['--patch', paths.outPath, '--out', out];
  const expected = ['--target-size', `${target.length}`, '--target-sha256', sha256Hex(target)];
  const { status, stderr } = await runApplier([...where, ...what, ...expected], { node: [node] });
  expect({ status, stderr }).toMatchObject({ status: 0 });
  expect((await readFile(out)).subarray(0, target.length).equals(target)).toBe(true);
});
