import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { DurableFs } from '../../../src/lib/core/durable-fs.js';
import { openDurableFs } from '../../../src/lib/core/node-durable-fs.js';
import { type TestFolder, testFolder } from '../../support/folder.js';

let folder: TestFolder;
let fs: DurableFs;
beforeEach(async () => {
  folder = await testFolder();
  fs = openDurableFs();
});
afterEach(() => folder[Symbol.asyncDispose]());

describe('a file', () => {
  test('holds what any sequence of appends and cuts makes of it, also once it is opened again', async () => {
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('append'), parts: fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 5 }) }),
      fc.record({ kind: fc.constant('truncate'), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.constant({ kind: 'again' }),
    );
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 12 }), async (operations) => {
        const path = folder.file(`file.${run++}`);
        let model = Buffer.alloc(0);
        let file = await fs.open(path, 'append');
        for (const step of operations) {
          if ('parts' in step) {
            await file.append(step.parts);
            model = Buffer.concat([model, ...step.parts]);
          } else if ('share' in step) {
            const size = Math.floor(model.length * step.share);
            await file.truncate(size);
            model = model.subarray(0, size);
          } else {
            await file.sync();
            await file.close();
            file = await fs.open(path, 'append');
          }
          const got = Buffer.alloc(model.length + 10);
          expect(file.read(got, 0)).toBe(model.length);
          expect(got.subarray(0, model.length)).toEqual(model);
          expect(file.size).toBe(model.length);
        }
        await file.close();
        expect(await readFile(path)).toEqual(model);
      }),
      { numRuns: 60 },
    );
  });

  test('takes more parts at once than one system call does', async () => {
    const parts = Array.from({ length: 5000 }, (_, index) => Buffer.from(`${index},`));
    const file = await fs.open(folder.file('f'), 'append');
    await file.append(parts);
    await file.close();
    expect(await readFile(folder.file('f'))).toEqual(Buffer.concat(parts));
  });

  test('is for its owner only', async () => {
    await (await fs.open(folder.file('f'), 'append')).close();
    expect((await stat(folder.file('f'))).mode & 0o777).toBe(0o600);
  });

  test.runIf(process.platform === 'linux')('that cannot be written takes nothing more', async () => {
    const file = await fs.open(folder.file('f'), 'append');
    await file.append([Buffer.from('whole')]);
    await file.close();
    const readOnly = await fs.open(folder.file('f'), 'read');
    await expect(readOnly.append([Buffer.from('x')])).rejects.toMatchObject({ code: 'IO_FAILED' });
    await expect(readOnly.sync()).rejects.toMatchObject({ code: 'IO_FAILED' });
    await readOnly.close();
    expect(await readFile(folder.file('f'), 'utf8')).toBe('whole');
  });

  test('must be there to be read', async () => {
    await expect(fs.open(folder.file('f'), 'read')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('is not written through a symbolic link', async () => {
    await writeFile(folder.file('target'), 'untouched');
    await symlink('target', folder.file('link'));
    await expect(fs.open(folder.file('link'), 'append')).rejects.toMatchObject({ code: 'OUTPUT_SYMLINK' });
    expect(await readFile(folder.file('target'), 'utf8')).toBe('untouched');
  });

  test.runIf(process.platform !== 'win32')('is neither a directory nor a FIFO', async () => {
    await mkdir(folder.file('d'));
    execFileSync('mkfifo', [folder.file('p')]);
    for (const name of ['d', 'p']) {
      await expect(fs.open(folder.file(name), 'read')).rejects.toMatchObject({ code: 'IO_FAILED' });
      await expect(fs.open(folder.file(name), 'append')).rejects.toMatchObject({ code: 'IO_FAILED' });
    }
  });
});

describe('names', () => {
  test('are listed in order, none where there is no directory', async () => {
    for (const name of ['b', 'a', 'c']) await (await fs.open(folder.file(name), 'append')).close();
    expect(await fs.list(folder.path)).toEqual(['a', 'b', 'c']);
    expect(await fs.list(folder.file('none'))).toEqual([]);
    await expect(fs.list(folder.file('a'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('of directories come with their parents, for their owner only', async () => {
    const deep = join(folder.path, 'x', 'y', 'z');
    await fs.makeDirectory(deep);
    await fs.makeDirectory(deep);
    expect((await stat(deep)).mode & 0o777).toBe(0o700);
    expect((await stat(folder.file('x'))).mode & 0o777).toBe(0o700);
  });

  test('a link replaces nothing, a rename does', async () => {
    await writeFile(folder.file('a'), 'A');
    await writeFile(folder.file('b'), 'B');
    await expect(fs.link(folder.file('a'), folder.file('b'))).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    await fs.link(folder.file('a'), folder.file('c'));
    await fs.rename(folder.file('a'), folder.file('b'));
    await fs.syncDirectory(folder.path);
    expect(await readFile(folder.file('b'), 'utf8')).toBe('A');
    expect(await fs.list(folder.path)).toEqual(['b', 'c']);
  });

  // where /dev/shm is a file system of its own
  test.runIf(existsSync('/dev/shm'))('get a copy where a link is not possible', async () => {
    const elsewhere = await mkdtemp('/dev/shm/ota-test-');
    onTestFinished(() => rm(elsewhere, { recursive: true }));
    await writeFile(folder.file('a'), 'A');
    await fs.link(folder.file('a'), join(elsewhere, 'a'));
    expect(await readFile(join(elsewhere, 'a'), 'utf8')).toBe('A');
    await expect(fs.link(folder.file('a'), join(elsewhere, 'a'))).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
  });

  test('are removed once, and missing ones are no failure', async () => {
    await writeFile(folder.file('a'), 'A');
    await fs.remove(folder.file('a'));
    await fs.remove(folder.file('a'));
    expect(await fs.list(folder.path)).toEqual([]);
  });

  test('that are missing are told', async () => {
    await expect(fs.rename(folder.file('a'), folder.file('b'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(fs.link(folder.file('a'), folder.file('b'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(fs.syncDirectory(folder.file('d'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
