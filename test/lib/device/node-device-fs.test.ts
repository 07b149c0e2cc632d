import { execFileSync } from 'node:child_process';
import { chmod, mkdir, open, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type NodeDeviceFs, openNodeDeviceFs } from '../../../src/lib/device/node-device-fs.js';
import { type TestFolder, testFolder } from '../../support/folder.js';

let folder: TestFolder;
let fs: NodeDeviceFs;
beforeEach(async () => {
  folder = await testFolder();
  fs = await openNodeDeviceFs(folder.path, 0xff);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await fs[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** Where one can ask which files this process has open. */
const ASKABLE = process.platform === 'linux' ? ['/proc/self/fd'] : [];

async function openFiles(list: string): Promise<string[]> {
  const links = await readdir(list);
  return await Promise.all(links.map((fd) => readlink(join(list, fd)).catch(() => '')));
}

describe('a file of a device', () => {
  test('holds what any sequence of operations makes of it', async () => {
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('write'), at: fc.nat(300), bytes: fc.uint8Array({ maxLength: 100 }) }),
      fc.record({ kind: fc.constant('erase'), at: fc.nat(300), length: fc.nat(100) }),
      fc.record({ kind: fc.constant('truncate'), size: fc.nat(300) }),
    );
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 12 }), async (operations) => {
        const name = `file.${run++}`;
        let model = Buffer.alloc(0);
        await fs.write(name, 0, model);
        for (const step of operations) {
          if ('size' in step) {
            const size = Math.min(step.size, model.length);
            await fs.truncate(name, size);
            model = model.subarray(0, size);
            continue;
          }
          const at = Math.min(step.at, model.length);
          const bytes = 'bytes' in step ? step.bytes : Buffer.alloc(step.length, 0xff);
          if ('bytes' in step) await fs.write(name, at, bytes);
          else await fs.erase(name, at, step.length);
          model = Buffer.concat([model.subarray(0, at), bytes, model.subarray(at + bytes.length)]);
        }
        await fs.sync(name);
        expect(await fs.size(name)).toBe(model.length);
        expect(await readFile(folder.file(name))).toEqual(model);
        const read = Buffer.alloc(model.length + 10);
        expect(await fs.read(name, read, 0)).toBe(model.length);
        expect(read.subarray(0, model.length)).toEqual(model);
      }),
      { numRuns: 30 },
    );
  });

  test('is erased beyond one buffer', async () => {
    await fs.erase('flash', 0, 2.5 * 1024 ** 2);
    expect((await readFile(folder.file('flash'))).equals(Buffer.alloc(2.5 * 1024 ** 2, 0xff))).toBe(true);
  });

  test('gets no hole, which would read as zeros', async () => {
    await fs.write('flash', 0, Buffer.from('abc'));
    await expect(fs.write('flash', 4, Buffer.from('e'))).rejects.toThrow(RangeError);
    await expect(fs.erase('flash', 4, 1)).rejects.toThrow(RangeError);
    expect(await readFile(folder.file('flash'), 'utf8')).toBe('abc');
  });

  test('that is missing has no size, can be removed and cannot be read', async () => {
    expect(await fs.size('none')).toBeUndefined();
    await fs.remove('none');
    const missing = expect.objectContaining({ code: 'NOT_FOUND' });
    await expect(fs.read('none', Buffer.alloc(1), 0)).rejects.toEqual(missing);
    await expect(fs.sync('none')).rejects.toEqual(missing);
    await expect(fs.truncate('none', 0)).rejects.toEqual(missing);
    await expect(fs.rename('none', 'some')).rejects.toEqual(missing);
    expect(await fs.list()).toEqual([]);
  });

  test('takes the place of another by a rename, whatever was open', async () => {
    await fs.write('old', 0, Buffer.from('the old one'));
    await fs.write('new', 0, Buffer.from('new'));
    await fs.rename('new', 'old');
    expect(await fs.size('new')).toBeUndefined();
    expect(await fs.size('old')).toBe(3);
    await fs.write('old', 3, Buffer.from('er'));
    expect(await readFile(folder.file('old'), 'utf8')).toBe('newer');
    await fs.syncDirectory();
    expect(await fs.list()).toEqual(['old']);
  });

  test('can be read where nothing may be written', async () => {
    await writeFile(folder.file('part'), 'abc', { mode: 0o400 });
    const into = Buffer.alloc(3);
    expect(await fs.read('part', into, 0)).toBe(3);
    expect(into.toString()).toBe('abc');
    if (process.getuid?.() === 0) return; // root may write everything
    await expect(fs.write('part', 0, into)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    await chmod(folder.file('part'), 0o600);
  });
});

describe('a sync that fails', () => {
  const eio = () => Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO', syscall: 'fsync' });

  test('is reported, not tried again, and leaves all bytes to be written by the next one', async () => {
    const bytes = Buffer.alloc(2.5 * 1024 ** 2, 'firmware');
    await fs.write('app.b.image', 0, bytes);
    await using handle = await open(folder.file('app.b.image'));
    const methods = Object.getPrototypeOf(handle) as typeof handle;
    const sync = vi.spyOn(methods, 'sync').mockRejectedValueOnce(eio());
    const write = vi.spyOn(methods, 'write');
    await expect(fs.sync('app.b.image')).rejects.toMatchObject({ code: 'IO_FAILED' });
    expect(sync).toHaveBeenCalledTimes(1);
    const again = write.mock.calls.map((call) => (call as unknown[]).slice(2));
    expect(again).toEqual([
      [1024 ** 2, 0],
      [1024 ** 2, 1024 ** 2],
      [0.5 * 1024 ** 2, 2 * 1024 ** 2],
    ]);
    expect((await readFile(folder.file('app.b.image'))).equals(bytes)).toBe(true);
  });

  test('is still what is reported when that fails too', async () => {
    await fs.write('log', 0, Buffer.from('x'));
    await using handle = await open(folder.file('log'));
    const methods = Object.getPrototypeOf(handle) as typeof handle;
    vi.spyOn(methods, 'sync').mockRejectedValueOnce(eio());
    vi.spyOn(methods, 'read').mockRejectedValueOnce(Object.assign(eio(), { message: 'EIO: bad sector, read' }));
    await expect(fs.sync('log')).rejects.toThrow('EIO: i/o error');
  });

  test('of the folder is reported', async () => {
    await using handle = await open(folder.path);
    vi.spyOn(Object.getPrototypeOf(handle) as typeof handle, 'sync').mockRejectedValueOnce(eio());
    await expect(fs.syncDirectory()).rejects.toMatchObject({ code: 'IO_FAILED' });
  });
});

describe('what is no file of a device', () => {
  test.each(['../x', 'a/b', '.hidden', '', 'A', 'a\0b', 'a\\b', `a${'b'.repeat(128)}`, 'ä'])(
    'the name %j is refused',
    async (name) => {
      await expect(fs.write(name, 0, Buffer.alloc(1))).rejects.toThrow(RangeError);
      await expect(fs.rename('a', name)).rejects.toThrow(RangeError);
      expect(await readdir(folder.path)).toEqual([]);
    },
  );

  test('a symbolic link is neither read nor written nor measured', async () => {
    await using outside = await testFolder();
    await writeFile(outside.file('secret'), 'secret');
    await symlink(outside.file('secret'), folder.file('app.a.image'));
    await symlink(outside.file('absent'), folder.file('app.b.image'));
    for (const name of ['app.a.image', 'app.b.image']) {
      const refused = expect.objectContaining({ code: 'IO_FAILED', exitCode: 6 });
      await expect(fs.read(name, Buffer.alloc(6), 0)).rejects.toEqual(refused);
      await expect(fs.write(name, 0, Buffer.alloc(6))).rejects.toEqual(refused);
      await expect(fs.erase(name, 0, 6)).rejects.toEqual(refused);
      await expect(fs.truncate(name, 0)).rejects.toEqual(refused);
      await expect(fs.size(name)).rejects.toEqual(refused);
    }
    expect(await fs.list()).toEqual([]);
    expect(await outside.state()).toMatchObject({ [outside.file('secret')]: expect.any(String) });
    expect(await readFile(outside.file('secret'), 'utf8')).toBe('secret');
  });

  test('a folder, and a FIFO that nobody writes to, are refused at once', async () => {
    await mkdir(folder.file('folder'));
    execFileSync('mkfifo', [folder.file('fifo')]);
    for (const name of ['folder', 'fifo']) {
      await expect(fs.read(name, Buffer.alloc(1), 0)).rejects.toMatchObject({ code: 'IO_FAILED' });
      await expect(fs.size(name)).rejects.toMatchObject({ code: 'IO_FAILED' });
    }
    expect(await fs.list()).toEqual([]);
  });

  test('locks beside the files are not listed', async () => {
    for (const name of ['lock', 'lock.after-1', 'a', 'B', 'locks.json']) await writeFile(folder.file(name), '');
    expect(await fs.list()).toEqual(['a', 'locks.json']);
  });
});

test.each(ASKABLE)('few files stay open, and none after disposal (%s)', async (list) => {
  const opened = async () => (await openFiles(list)).filter((path) => path.startsWith(folder.path)).length;
  const before = await opened();
  const other = await openNodeDeviceFs(folder.path, 0);
  for (let index = 0; index < 200; index++) {
    await other.write(`file.${index}`, 0, Buffer.from('x'));
    await other.sync(`file.${index}`);
  }
  expect(await opened()).toBeLessThanOrEqual(40);
  await other[Symbol.asyncDispose]();
  expect(await opened()).toBe(before);
});

test.each(ASKABLE)(
  'a file with unsynced writes keeps the handle that their failure is reported to (%s)',
  async (list) => {
    await fs.write('dirty', 0, Buffer.from('x'));
    for (let index = 0; index < 50; index++) await fs.read(await written(`clean.${index}`), Buffer.alloc(1), 0);
    expect(await openFiles(list)).toContain(folder.file('dirty'));
  },
);

async function written(name: string): Promise<string> {
  await writeFile(folder.file(name), 'x');
  return name;
}

test('a folder that is not there is reported as such', async () => {
  await expect(openNodeDeviceFs(folder.file('absent'), 0)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await writeFile(folder.file('file'), '');
  await expect(openNodeDeviceFs(folder.file('file'), 0)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
