import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { openLocalInput } from '../../../src/lib/net/local-input.js';
import { serve } from './servers.js';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'net-test-'));
  vi.stubEnv('TMPDIR', directory);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
});

describe('a path', () => {
  test('is used as it is', async () => {
    const path = join(directory, 'v1.bin');
    await writeFile(path, 'image');
    await using input = await openLocalInput(path, { maxBytes: 5 });
    expect(input).toMatchObject({ path, name: path, size: 5, spooled: false });
  });

  test('survives disposal', async () => {
    const path = join(directory, 'v1.bin');
    await writeFile(path, 'image');
    await (await openLocalInput(path, { maxBytes: 5 }))[Symbol.asyncDispose]();
    expect(existsSync(path)).toBe(true);
  });

  test('to nothing, to a directory or to a file over the limit is refused', async () => {
    await mkdir(join(directory, 'folder'));
    await writeFile(join(directory, 'big'), '123456');
    await expect(openLocalInput(join(directory, 'gone'), { maxBytes: 5 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(openLocalInput(join(directory, 'folder'), { maxBytes: 5 })).rejects.toMatchObject({ exitCode: 6 });
    await expect(openLocalInput(join(directory, 'big'), { maxBytes: 5 })).rejects.toMatchObject({ exitCode: 9 });
  });
});

describe('stdin', () => {
  test('is copied into a private file that disposal removes', async () => {
    const input = await openLocalInput('-', {
      maxBytes: 100,
      stdin: Readable.from([Buffer.from('im'), Buffer.from('age')]),
    });
    expect(input).toMatchObject({ name: 'stdin', size: 5, spooled: true });
    expect(await readFile(input.path, 'utf8')).toBe('image');
    expect((await stat(input.path)).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(input.path))).mode & 0o777).toBe(0o700);
    await input[Symbol.asyncDispose]();
    expect(await readdir(directory)).toEqual([]);
  });

  test('tells who watches how much has arrived', async () => {
    const events: unknown[] = [];
    const onArrival = (name: string) => ({
      update: (...bytes: unknown[]) => events.push([name, ...bytes]),
      done: () => events.push('done'),
    });
    const stdin = Readable.from([Buffer.from('im'), Buffer.from('age')]);
    await using _input = await openLocalInput('-', { maxBytes: 100, stdin, onArrival });
    expect(events).toEqual([['stdin', 2, undefined], ['stdin', 5, undefined], 'done']);
  });

  test('is stopped at the limit, and no copy stays', async () => {
    const endless = Readable.from(
      (function* () {
        while (true) yield Buffer.alloc(1000);
      })(),
    );
    await expect(openLocalInput('-', { maxBytes: 10_000, stdin: endless })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
    expect(await readdir(directory)).toEqual([]);
  });

  test('that breaks leaves no copy', async () => {
    const broken = new Readable({
      read() {
        this.destroy(Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO', syscall: 'read' }));
      },
    });
    await expect(openLocalInput('-', { maxBytes: 10, stdin: broken })).rejects.toMatchObject({ code: 'IO_FAILED' });
    expect(await readdir(directory)).toEqual([]);
  });

  test('that is silent can be cancelled', async () => {
    const abort = new AbortController();
    const reason = new OtaError('INTERRUPTED', 'interrupted');
    const opening = openLocalInput('-', { maxBytes: 10, stdin: new PassThrough(), signal: abort.signal });
    abort.abort(reason);
    await expect(opening).rejects.toBe(reason);
    expect(await readdir(directory)).toEqual([]);
  });

  test('of a terminal is a usage error', async () => {
    const terminal = Object.assign(new PassThrough(), { isTTY: true });
    await expect(openLocalInput('-', { maxBytes: 10, stdin: terminal })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(openLocalInput('-', { maxBytes: 10 })).rejects.toMatchObject({ code: 'USAGE' });
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('an address', () => {
  test('is copied into a private file that disposal removes', async () => {
    await using server = await serve((_, response) => response.end('image'));
    const input = await openLocalInput(`${server.origin}/builds/v1.bin?sig=hunter2`, { maxBytes: 100 });
    expect(input).toMatchObject({ name: `${server.origin}/builds/v1.bin?…`, size: 5, spooled: true });
    expect(input.path.endsWith('/v1.bin')).toBe(true);
    expect(await readFile(input.path, 'utf8')).toBe('image');
    await input[Symbol.asyncDispose]();
    expect(await readdir(directory)).toEqual([]);
  });

  test('cannot choose where the copy lies', async () => {
    await using server = await serve((_, response) => response.end('image'));
    await using input = await openLocalInput(`${server.origin}/%2e%2e%2f%2e%2e%2fpasswd`, { maxBytes: 100 });
    expect(input.path.startsWith(directory)).toBe(true);
    expect(input.path.endsWith('/input')).toBe(true);
  });

  test('that fails leaves no copy', async () => {
    await using server = await serve((_, response) => response.end('image'));
    await expect(openLocalInput(server.origin, { maxBytes: 4 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(await readdir(directory)).toEqual([]);
  });

  test('with a password in it is refused without repeating it', async () => {
    const refusal = await openLocalInput('https://user:hunter2@host.example/x', { maxBytes: 1 }).catch((e) => e);
    expect(refusal).toMatchObject({ code: 'SECRET_IN_ARGV', exitCode: 2 });
    expect(JSON.stringify([refusal.message, refusal.suggestions])).not.toContain('hunter2');
  });

  test.each(['ftp://host/x', 'file:///etc/passwd', 'https://[bad'])('%s is a usage error', async (spec) => {
    await expect(openLocalInput(spec, { maxBytes: 1 })).rejects.toMatchObject({ code: 'USAGE' });
  });
});
