import {
  chmod,
  type FileHandle,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openAtomicFile, writeFileAtomically } from '../../../src/lib/core/atomic-file.js';
import { commitTogether } from '../../../src/lib/core/commit-together.js';
import { OtaError } from '../../../src/lib/core/errors.js';

let folder: string;
let target: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ota-atomic-'));
  target = join(folder, 'out.bin');
});
afterEach(() => rm(folder, { recursive: true }));

const content = () => readFile(target, 'utf8');

async function* chunks(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text);
}

describe('writeFileAtomically', () => {
  test('writes bytes and tells their number', async () => {
    expect(await writeFileAtomically(target, Buffer.from('firmware'))).toEqual({ size: 8 });
    expect(await content()).toBe('firmware');
    expect(await readdir(folder)).toEqual(['out.bin']);
  });

  test('writes what a source yields, in order', async () => {
    expect(await writeFileAtomically(target, chunks('firm', '', 'ware'))).toEqual({ size: 8 });
    expect(await content()).toBe('firmware');
  });

  test('writes an empty file', async () => {
    expect(await writeFileAtomically(target, Buffer.alloc(0))).toEqual({ size: 0 });
    expect(await content()).toBe('');
  });

  test('takes its own copy: the source may reuse the buffer of a chunk', async () => {
    const buffer = Buffer.alloc(4);
    async function* reusing() {
      for (const text of ['firm', 'ware']) {
        buffer.write(text);
        yield buffer;
      }
    }
    await writeFileAtomically(target, reusing());
    expect(await content()).toBe('firmware');
  });

  test('follows the umask without a mode of its own', async () => {
    await writeFileAtomically(target, Buffer.from('x'));
    await writeFile(join(folder, 'plain'), 'x');
    expect((await stat(target)).mode).toBe((await stat(join(folder, 'plain'))).mode);
  });

  test.each([0o600, 0o755])('sets mode %o whatever the umask', async (mode) => {
    await writeFileAtomically(target, Buffer.from('x'), { mode });
    expect((await stat(target)).mode & 0o777).toBe(mode);
  });

  test('nobody else can read it while it is written', async () => {
    await using file = await openAtomicFile(target);
    await file.write(Buffer.from('half'));
    expect((await stat(file.path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).not.toContain('out.bin');
  });
});

describe('writeFileAtomically refuses and leaves everything as it was', () => {
  const refused = async (code: string, options = {}) => {
    const before = await readdir(folder);
    let asked = false;
    async function* source() {
      asked = true;
      yield Buffer.from('new');
    }
    await expect(writeFileAtomically(target, source(), options)).rejects.toMatchObject({ code });
    expect(await readdir(folder)).toEqual(before);
    return asked;
  };

  test('a file that exists, before any work is done', async () => {
    await writeFile(target, 'old');
    expect(await refused('OUTPUT_EXISTS')).toBe(false);
    expect(await content()).toBe('old');
  });

  test('a symlink, also when forced', async () => {
    await writeFile(join(folder, 'elsewhere'), 'old');
    await symlink('elsewhere', target);
    await refused('OUTPUT_SYMLINK');
    await refused('OUTPUT_SYMLINK', { force: true });
    expect((await lstat(target)).isSymbolicLink()).toBe(true);
    expect(await content()).toBe('old');
  });

  test('a dangling symlink: its target is not created', async () => {
    await symlink('elsewhere', target);
    await refused('OUTPUT_SYMLINK', { force: true });
  });

  test('a directory, also when forced', async () => {
    await mkdir(target);
    await refused('IO_FAILED', { force: true });
  });

  test('a folder that does not exist', async () => {
    target = join(folder, 'missing', 'out.bin');
    await refused('NOT_FOUND');
  });

  test('a file in the place of the folder', async () => {
    await writeFile(join(folder, 'file'), '');
    target = join(folder, 'file', 'out.bin');
    await refused('NOT_FOUND');
  });

  test('a folder that cannot be written', async () => {
    // root may write everywhere except where the kernel keeps its own files
    const readOnly = process.getuid?.() === 0 ? '/sys' : folder;
    await chmod(folder, 0o500);
    await expect(writeFileAtomically(join(readOnly, 'out.bin'), Buffer.from('x'))).rejects.toMatchObject({
      code: expect.stringMatching(/^(PERMISSION_DENIED|IO_FAILED)$/),
    });
    await chmod(folder, 0o700);
    expect(await readdir(folder)).toEqual([]);
  });

  test.each([false, true])('a source that fails midway (over an old file: %s)', async (overOld) => {
    if (overOld) await writeFile(target, 'old');
    const before = await readdir(folder);
    async function* failing() {
      yield Buffer.from('half');
      throw new OtaError('PAYLOAD_MISMATCH', 'app.bin: SHA-256 differs');
    }
    await expect(writeFileAtomically(target, failing(), { force: true })).rejects.toMatchObject({
      code: 'PAYLOAD_MISMATCH',
    });
    expect(await readdir(folder)).toEqual(before);
    if (overOld) expect(await content()).toBe('old');
  });

  test('a signal raised before', async () => {
    await refused('INTERRUPTED', { signal: AbortSignal.abort() });
  });

  test('a signal raised while the source is silent', async () => {
    const abort = new AbortController();
    async function* silent() {
      yield Buffer.from('half');
      abort.abort(new OtaError('TERMINATED', 'Terminated'));
      await new Promise(() => {});
    }
    const writing = writeFileAtomically(target, silent(), { signal: abort.signal });
    await expect(writing).rejects.toMatchObject({ code: 'TERMINATED' });
    expect(await readdir(folder)).toEqual([]);
  });

  test('a file that appears while it writes', async () => {
    async function* racing() {
      yield Buffer.from('new');
      await writeFile(target, 'theirs');
    }
    await expect(writeFileAtomically(target, racing())).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(await readdir(folder)).toEqual(['out.bin']);
    expect(await content()).toBe('theirs');
  });

  test('a symlink that appears while it writes, also when forced', async () => {
    async function* racing() {
      yield Buffer.from('new');
      await symlink('elsewhere', target);
    }
    await expect(writeFileAtomically(target, racing(), { force: true })).rejects.toMatchObject({
      code: 'OUTPUT_SYMLINK',
    });
    expect(await readdir(folder)).toEqual(['out.bin']);
  });
});

describe('several writers of one name', () => {
  const writers = Array.from({ length: 12 }, (_, index) => Buffer.alloc(70_000, `${index} `));

  test('exactly one wins, the others are refused', async () => {
    const results = await Promise.allSettled(writers.map((bytes) => writeFileAtomically(target, bytes)));
    const won = results.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []));
    expect(won).toHaveLength(1);
    expect(await readFile(target)).toEqual(writers[won[0]!]);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'OUTPUT_EXISTS' });
    }
    expect(await readdir(folder)).toEqual(['out.bin']);
  });

  test('when forced the last one wins whole, never a mixture', async () => {
    await Promise.all(writers.map((bytes) => writeFileAtomically(target, bytes, { force: true })));
    const bytes = await readFile(target);
    expect(writers.some((written) => written.equals(bytes))).toBe(true);
    expect(await readdir(folder)).toEqual(['out.bin']);
  });
});

describe('openAtomicFile', () => {
  test('commits what was written piece by piece', async () => {
    await using file = await openAtomicFile(target);
    await file.write(Buffer.from('firm'));
    await file.write(Buffer.from('ware'));
    expect(await file.commit()).toEqual({ size: 8 });
    await file.discard();
    expect(await content()).toBe('firmware');
  });

  test('leaving the scope without a commit removes everything', async () => {
    {
      await using file = await openAtomicFile(target);
      await file.write(Buffer.from('half'));
    }
    expect(await readdir(folder)).toEqual([]);
  });

  test('keeps the old file until the commit', async () => {
    await writeFile(target, 'old');
    await using file = await openAtomicFile(target, { force: true });
    await file.write(Buffer.from('new'));
    expect(await content()).toBe('old');
    await file.commit();
    expect(await content()).toBe('new');
  });
});

describe('when the disk fails', () => {
  let handles: FileHandle;
  beforeAll(async () => {
    const handle = await open(import.meta.filename);
    handles = Object.getPrototypeOf(handle) as FileHandle;
    await handle.close();
  });
  afterEach(() => vi.restoreAllMocks());
  afterAll(() => vi.restoreAllMocks());

  const systemError = (code: string) => Object.assign(new Error(`${code}: failed, fsync`), { code, syscall: 'fsync' });

  test.each([
    ['write', 'ENOSPC', 'NO_SPACE'],
    ['write', 'EIO', 'IO_FAILED'],
    ['sync', 'EIO', 'IO_FAILED'],
    ['chmod', 'EPERM', 'PERMISSION_DENIED'],
  ] as const)('a %s that fails with %s leaves the old file and nothing else', async (call, systemCode, code) => {
    await writeFile(target, 'old');
    const failing = vi.spyOn(handles, call).mockRejectedValue(systemError(systemCode));
    await expect(writeFileAtomically(target, Buffer.from('new'), { force: true })).rejects.toMatchObject({ code });
    // a second fsync would report success without the pages the first one lost
    expect(failing).toHaveBeenCalledTimes(1);
    expect(await content()).toBe('old');
    expect(await readdir(folder)).toEqual(['out.bin']);
  });

  test('a folder that cannot be synced takes the new name back', async () => {
    vi.spyOn(handles, 'sync').mockResolvedValueOnce().mockRejectedValueOnce(systemError('EIO'));
    await expect(writeFileAtomically(target, Buffer.from('new'))).rejects.toMatchObject({ code: 'IO_FAILED' });
    expect(await readdir(folder)).toEqual([]);
  });

  test('a folder whose file system knows no sync is no failure', async () => {
    vi.spyOn(handles, 'sync').mockResolvedValueOnce().mockRejectedValueOnce(systemError('EINVAL'));
    await writeFileAtomically(target, Buffer.from('new'));
    expect(await content()).toBe('new');
  });

  test('short writes are completed', async () => {
    const write = handles.write as (bytes: Uint8Array, ...rest: number[]) => Promise<unknown>;
    vi.spyOn(handles, 'write').mockImplementation(function (this: FileHandle, ...args: unknown[]) {
      const [bytes, offset, length, position] = args as [Uint8Array, number, number, number];
      return write.call(this, bytes, offset, Math.min(length, 3), position);
    } as typeof handles.write);
    await writeFileAtomically(target, Buffer.from('0123456789'));
    expect(await content()).toBe('0123456789');
  });

  test('a file system that takes nothing is a failure, not an endless loop', async () => {
    vi.spyOn(handles, 'write').mockResolvedValue({ bytesWritten: 0, buffer: '' });
    await expect(writeFileAtomically(target, Buffer.from('new'))).rejects.toMatchObject({ code: 'IO_FAILED' });
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('commitTogether', () => {
  const secondExists = async (force: boolean) => {
    await using first = await openAtomicFile(join(folder, 'first'), { force });
    await using second = await openAtomicFile(join(folder, 'second'));
    await first.write(Buffer.from('new'));
    await writeFile(join(folder, 'second'), 'of another');
    await expect(commitTogether([first, second])).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
  };

  test('takes the first file back when the second cannot have its name', async () => {
    await secondExists(false);
    expect(await readdir(folder)).toEqual(['second']);
    expect(await readFile(join(folder, 'second'), 'utf8')).toBe('of another');
  });

  test('keeps a file that has replaced another', async () => {
    await writeFile(join(folder, 'first'), 'old');
    await secondExists(true);
    expect(await readFile(join(folder, 'first'), 'utf8')).toBe('new');
  });
});
