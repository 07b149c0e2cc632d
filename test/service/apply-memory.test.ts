import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PackReport } from '../../src/lib/package/pack-report.js';
import { runCli } from '../support/cli.js';
import { realFirmware } from '../support/firmware.js';
import { type TestFolder, testFolder } from '../support/folder.js';
import { idlePeakBytes, peakMemory } from '../support/peak-memory.js';
import { runApplier } from '../support/standalone-applier.js';

/**
 * What the applier itself has beyond a Node that does nothing, bytes, whatever the patch: its code as read and as
 * compiled, streams, hashes. Metadata states what comes on top: what an applier in any language needs for this patch.
 */
const APPLIER_BYTES = 34 * 2 ** 20;
/** So many copies of a firmware's image, each with changes of its own, make images of 4 MB. */
const COPIES = 14;

let folder: TestFolder;
beforeAll(async () => {
  folder = await testFolder();
  const { old, new: target } = await realFirmware('primehub');
  await writeFile(folder.file('small.old'), old);
  await writeFile(folder.file('small.new'), target);
  for (const [name, image] of [['old', old] as const, ['new', target] as const]) {
    const copies = Array.from({ length: COPIES }, (_, copy) =>
      image.map((byte, at) => (at % (97 + copy) ? byte : byte ^ copy)),
    );
    await writeFile(folder.file(`large.${name}`), Buffer.concat(copies));
  }
});
afterAll(() => folder[Symbol.asyncDispose]());

describe('applying takes no more memory than metadata states, beside the applier itself', () => {
  test.each([
    ['small', ['--format', 'otad']],
    ['small', ['--format', 'otad', '--coder', 'lzma']],
    ['small', ['--format', 'bsdiff40']],
    ['large', ['--format', 'otad']],
    ['large', ['--format', 'otad', '--coder', 'lzma', '--effort', 'fast']],
    ['large', ['--format', 'otad', '--coder', 'brotli', '--effort', 'fast']],
    ['large', ['--format', 'otad', '--coder', 'none', '--effort', 'fast']],
    ['large', ['--format', 'otad-inplace', '--effort', 'fast']],
    ['large', ['--format', 'bsdf2', '--effort', 'fast']],
    ['large', ['--format', 'bsdiff40', '--effort', 'fast']],
  ])(
    '%s %s',
    async (name, words) => {
      const release = '--product p --model m --version 2.0.0 --sequence 2 --force --json --quiet'.split(' ');
      const images = ['--from', `${name}.old`, '--to', `${name}.new`, '--out', 'x.ota'];
      const packed = await runCli('ota', ['pack', ...release, ...images, ...words], { cwd: folder.path });
      expect(packed.status, packed.stderr).toBe(0);
      const [payload] = (JSON.parse(packed.stdout) as PackReport).payloads;
      const { format, size, target, applyMemoryBytes } = payload!;
      const package_ = await readFile(folder.file('x.ota'));
      await writeFile(folder.file('patch'), contained(package_, payload!.file, size));
      const old = await readFile(folder.file(`${name}.old`));
      await writeFile(folder.file('made'), format === 'otad-inplace' ? old : '');

      const made = { '--target-size': target.size, '--target-sha256': target.sha256 };
      const base = { '--base-size': payload!.base!.size, '--base-sha256': payload!.base!.sha256 };
      const paths = { '--patch': folder.file('patch'), '--out': folder.file(`${name}.${words.join('')}`) };
      const inPlace = format === 'otad-inplace';
      if (inPlace) await writeFile(paths['--out'], old);
      const options = {
        '--format': format,
        ...made,
        ...base,
        ...paths,
        ...(!inPlace && { '--base': folder.file(`${name}.old`) }),
      };
      const args = [...Object.entries(options).flat().map(String), ...(inPlace ? ['--in-place'] : [])];
      const { peakBytes, status, stderr } = await peakMemory(folder.path, (node, env) =>
        runApplier(args, { node, env }),
      );
      expect(status, stderr).toBe(0);
      expect(peakBytes - idlePeakBytes(folder.path)).toBeLessThanOrEqual(APPLIER_BYTES + applyMemoryBytes);
    },
    60_000,
  );
});

/** An entry of a package, which is a tar file. */
function contained(tar: Buffer, name: string, size: number): Buffer {
  const at = tar.indexOf(`${name}\0`, 0, 'latin1');
  // metadata names it too, but not at the beginning of a block
  const header = at % 512 === 0 ? at : tar.indexOf(`${name}\0`, at + 1, 'latin1');
  return tar.subarray(header + 512, header + 512 + size);
}
