import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { ioError } from '../../../src/lib/core/io-error.js';

const systemError = (code: string) =>
  Object.assign(new Error(`${code}: some reason, write '/tmp/x'`), { code, syscall: 'write', errno: -1 });

test.each([
  ['ENOENT', 'NOT_FOUND', 16],
  ['EACCES', 'PERMISSION_DENIED', 15],
  ['EPERM', 'PERMISSION_DENIED', 15],
  ['ENOSPC', 'NO_SPACE', 6],
  ['EDQUOT', 'NO_SPACE', 6],
  ['EROFS', 'IO_FAILED', 6],
  ['EIO', 'IO_FAILED', 6],
  ['EISDIR', 'IO_FAILED', 6],
])('%s is %s, status %i, and names the file', (systemCode, code, exitCode) => {
  const error = ioError(systemError(systemCode), 'out\u001b.bin');
  expect(error).toMatchObject({ code, exitCode, message: expect.stringMatching(/^out\\u\{1b\}\.bin: /) });
});

test('the reason of an unusual failure is kept, without the path Node repeats', () => {
  expect(ioError(systemError('EIO'), 'out.bin').message).toBe('out.bin: EIO: some reason');
});

test('an OtaError passes through', () => {
  const error = new OtaError('PAYLOAD_MISMATCH', 'x');
  expect(ioError(error, 'out.bin')).toBe(error);
});

test('a path with a NUL, which no system call takes, is not found', async () => {
  const failing = readFile('a\0b').catch((error: unknown) => ioError(error, 'a\0b'));
  expect(await failing).toMatchObject({ code: 'NOT_FOUND', message: 'a\\u{0}b: a path cannot hold a NUL' });
});

test('what is no system error is thrown on: a bug is not a disk failure', () => {
  const bug = new TypeError('x is not a function');
  expect(() => ioError(bug, 'out.bin')).toThrow(bug);
});
