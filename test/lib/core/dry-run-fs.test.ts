import { writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dryRunFs } from '../../../src/lib/core/dry-run-fs.js';
import type { DurableFs } from '../../../src/lib/core/durable-fs.js';
import { OtaError } from '../../../src/lib/core/errors.js';
import { openDurableFs } from '../../../src/lib/core/node-durable-fs.js';
import { type TestFolder, testFolder } from '../../support/folder.js';

let folder: TestFolder;
beforeEach(async () => {
  folder = await testFolder();
});
afterEach(() => folder[Symbol.asyncDispose]());

const NAMES = ['a', 'b', 'c'] as const;
const name = fc.constantFrom(...NAMES);

type Step =
  | { do: 'append'; name: string; text: string }
  | { do: 'truncate'; name: string; share: number }
  | { do: 'link' | 'rename'; name: string; to: string }
  | { do: 'remove'; name: string };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('append' as const), name, text: fc.string({ maxLength: 9 }) }),
  fc.record({ do: fc.constant('truncate' as const), name, share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({ do: fc.constantFrom('link' as const, 'rename' as const), name, to: name }),
  fc.record({ do: fc.constant('remove' as const), name }),
);

/** What a step ended with, and what the directory holds then. */
async function outcome(fs: DurableFs, directory: string, step: Step): Promise<unknown> {
  const path = (name: string) => `${directory}/${name}`;
  let failure: string | undefined;
  try {
    if (step.do === 'append' || step.do === 'truncate') {
      const file = await fs.open(path(step.name), 'append');
      try {
        if (step.do === 'append') await file.append([Buffer.from(step.text), Buffer.from('.')]);
        else await file.truncate(Math.floor(file.size * step.share));
      } finally {
        await file.close();
      }
    } else if (step.do === 'remove') await fs.remove(path(step.name));
    else if (step.name !== step.to) await fs[step.do](path(step.name), path(step.to));
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    failure = error.code;
  }
  const names = await fs.list(directory);
  const contents = await Promise.all(names.map((name) => content(fs, path(name))));
  return { failure, names, contents };
}

async function content(fs: DurableFs, path: string): Promise<string> {
  const file = await fs.open(path, 'read');
  // In two pieces that do not end where the file below does.
  const bytes = Buffer.alloc(file.size + 3);
  const first = file.read(bytes.subarray(0, 3), 0);
  const got = first + file.read(bytes.subarray(first), first);
  await file.close();
  return bytes.subarray(0, got).toString();
}

test('shows what the real disk would show, and leaves the disk as it is', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      await using real = await testFolder();
      await using untouched = await testFolder();
      for (const { path } of [real, untouched]) {
        await writeFile(`${path}/a`, 'first file');
        await writeFile(`${path}/b`, 'b');
      }
      const overlay = dryRunFs(openDurableFs());
      const before = await untouched.state();
      for (const next of steps) {
        expect(await outcome(overlay, untouched.path, next)).toEqual(await outcome(openDurableFs(), real.path, next));
      }
      expect(await untouched.state()).toEqual(before);
    }),
    { numRuns: 60 },
  );
});

test('shows directories that were made, with their parents', async () => {
  const overlay = dryRunFs(openDurableFs());
  const directory = folder.file('store/default/p0000');
  await overlay.makeDirectory(directory);
  const file = await overlay.open(`${directory}/1.log`, 'append');
  await file.append([Buffer.from('x')]);
  await file.close();
  expect(await overlay.list(directory)).toEqual(['1.log']);
  expect(await overlay.list(folder.file('store'))).toEqual(['default']);
  expect(await overlay.list(folder.path)).toEqual(['store']);
  expect(await folder.state()).toEqual({});
});
