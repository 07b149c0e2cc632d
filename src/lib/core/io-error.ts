import { OtaError } from './errors.js';
import { escapeText } from './text.js';

/**
 * Says what the operating system refused, in the project's own words and status.
 *
 * @param error what a `node:fs` call threw; an OtaError is passed through
 * @param path  the file it was about
 * @returns NOT_FOUND, PERMISSION_DENIED, NO_SPACE, OUTPUT_EXISTS or IO_FAILED; anything that is no
 *   system error is returned unchanged in kind: a bug must not be reported as a disk failure
 */
export function ioError(error: unknown, path: string): OtaError {
  if (error instanceof OtaError) return error;
  const cause = { cause: error };
  const name = escapeText(path);
  if (path.includes('\0'))
    return new OtaError('NOT_FOUND', `${name}: a path cannot hold a NUL`, ['Check the path.'], cause);
  switch (systemCode(error)) {
    case 'ENOENT':
      return new OtaError('NOT_FOUND', `${name}: no such file or directory`, ['Check the path.'], cause);
    case 'ENOTDIR':
      return new OtaError('NOT_FOUND', `${name}: a part of the path is not a directory`, ['Check the path.'], cause);
    case 'EACCES':
    case 'EPERM':
      return new OtaError(
        'PERMISSION_DENIED',
        `${name}: permission denied`,
        ['Check owner and mode with `ls -l`.'],
        cause,
      );
    case 'ENOSPC':
      return new OtaError(
        'NO_SPACE',
        `${name}: no space left on the device`,
        ['Free some space and run again.'],
        cause,
      );
    case 'EDQUOT':
      return new OtaError('NO_SPACE', `${name}: the disk quota is used up`, ['Free some space and run again.'], cause);
    case 'EISDIR':
      return new OtaError('IO_FAILED', `${name}: is a directory, expected a regular file`, ['Name a file.'], cause);
    case 'EROFS':
      return new OtaError('IO_FAILED', `${name}: the file system is read-only`, ['Write to another place.'], cause);
    case 'ENAMETOOLONG':
      return new OtaError('IO_FAILED', `${name}: the name is too long for the file system`, ['Shorten it.'], cause);
    case 'EMFILE':
    case 'ENFILE':
      return new OtaError('IO_FAILED', `${name}: too many open files`, ['Raise the limit with `ulimit -n`.'], cause);
    case undefined:
      throw error;
    default:
      return new OtaError('IO_FAILED', `${name}: ${systemReason(error)}`, ['Check the disk.'], cause);
  }
}

/** `ENOENT` and the like, or undefined when no system call is to blame. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error)) return undefined;
  const code = 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** `EIO: i/o error` out of Node's `EIO: i/o error, write 'x'`. */
function systemReason(error: unknown): string {
  return String((error as Error).message).split(', ')[0]!;
}
