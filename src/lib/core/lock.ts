import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, rename, unlink, writeFile } from 'node:fs/promises';
import { throwIfAborted } from './abort.js';
import { OtaError } from './errors.js';
import { readBounded } from './file-access.js';
import { ioError, systemCode } from './io-error.js';
import { hasEnded, ownIdentity, type ProcessIdentity } from './process-identity.js';
import { parseStrictJson } from './strict-json.js';
import { escapeText } from './text.js';

const MAX_LOCK_BYTES = 4096;
/** Each retry means that another process just let go; more than this is no coincidence. */
const MAX_ATTEMPTS = 100;
/** Becomes a part of file names, so a lock that somebody planted must not be able to lead elsewhere. */
const TOKEN = /^[\w-]{1,64}$/;

interface LockHolder extends ProcessIdentity {
  /** Different for each time the lock is taken. */
  token: string;
}

/** A lock that is held until it is released. */
export interface HeldLock {
  /** A lock that cannot be removed is left behind: it is taken over once this process has ended. */
  release(): Promise<void>;
}

/** As takeLock. */
export type TakeLock = (path: string) => Promise<HeldLock>;

/**
 * Runs `work` while no other process that asks for the same lock runs its own.
 *
 * The lock is advisory: a file that says who holds it. It is never waited for, and one whose
 * holder was killed is taken over.
 *
 * @param path the lock file itself, for example `device.json.lock`; it is removed at the end
 * @throws OtaError LOCKED while a living process (or one that cannot be asked) holds it;
 *   NOT_FOUND, PERMISSION_DENIED, NO_SPACE, IO_FAILED; or what `work` throws
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  { signal }: { signal?: AbortSignal } = {},
): Promise<T> {
  throwIfAborted(signal);
  const lock = await takeLock(path);
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

/**
 * Takes such a lock for work that is no single call.
 *
 * @throws OtaError as withLock
 */
export async function takeLock(path: string): Promise<HeldLock> {
  const token = randomUUID();
  await acquire(path, token);
  return { release: () => release(path, token) };
}

/** Whether a living process (or one that cannot be asked) holds such a lock right now. */
export async function isLocked(path: string): Promise<boolean> {
  try {
    const holder = await readHolder(path);
    return holder !== undefined && !(await hasEnded(holder));
  } catch (error) {
    if (error instanceof OtaError && error.code === 'LOCKED') return true;
    throw error;
  }
}

async function release(path: string, token: string): Promise<void> {
  try {
    if ((await readHolder(path))?.token === token) await unlink(path);
  } catch {
    // what the work returned or threw counts for more; the lock is taken over once this process has ended
  }
}

async function acquire(path: string, token: string): Promise<void> {
  const holder: LockHolder = { ...(await ownIdentity()), token };
  // Written aside and linked, so that nobody ever reads half a lock.
  const own = `${path}.${token}`;
  try {
    await writeFile(own, JSON.stringify(holder), { flag: 'wx', mode: 0o600 });
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      if ((await linkIfFree(own, path)) || (await takeOver(path, own))) return;
    }
    throw new OtaError('LOCKED', `${escapeText(path)}: changes hands all the time`, ['Run again a little later.']);
  } catch (error) {
    throw ioError(error, path);
  } finally {
    await unlink(own).catch(() => {});
  }
}

/**
 * Replaces the lock of a process that has ended.
 *
 * Two processes may notice that at the same time, and removing the file could remove the other's
 * fresh lock. Therefore the right to succeed a holder is a file of its own, named after that
 * holder's token, which only one can create. When its creator was killed too, the same holds for
 * that one's token, and so on.
 *
 * @returns false when the lock changed meanwhile: try again from the start
 * @throws OtaError LOCKED
 */
async function takeOver(path: string, own: string): Promise<boolean> {
  const ended = await readHolder(path);
  if (ended === undefined) return false;
  const deadClaims: string[] = [];
  let predecessor = ended;
  while (true) {
    if (!(await hasEnded(predecessor))) throw locked(path, predecessor);
    const claim = `${path}.after-${predecessor.token}`;
    if (await linkIfFree(own, claim)) {
      // The lock may have been succeeded and its claims cleared since it was read.
      const isUnchanged = (await readHolder(path))?.token === ended.token;
      await (isUnchanged ? rename(claim, path) : unlink(claim));
      if (isUnchanged) await Promise.all(deadClaims.map((dead) => unlink(dead)));
      return isUnchanged;
    }
    const claimant = await readHolder(claim);
    if (claimant === undefined) return false;
    deadClaims.push(claim);
    predecessor = claimant;
  }
}

/** Gives `own` a second name unless something has that name. */
async function linkIfFree(own: string, name: string): Promise<boolean> {
  try {
    await link(own, name).catch((error: unknown) => {
      // File systems without hard links
      if (systemCode(error) === 'EPERM' || systemCode(error) === 'ENOTSUP')
        return copyFile(own, name, constants.COPYFILE_EXCL);
      throw error;
    });
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** @throws OtaError LOCKED when the file is no lock of ours: it is not ours to remove either */
async function readHolder(path: string): Promise<LockHolder | undefined> {
  try {
    const bytes = await readBounded(path, MAX_LOCK_BYTES, 'lock');
    const holder = parseStrictJson(bytes, { name: path, maxBytes: MAX_LOCK_BYTES }) as unknown as LockHolder | null;
    const hasToken = typeof holder?.token === 'string' && TOKEN.test(holder.token);
    if (hasToken && Number.isSafeInteger(holder.pid) && typeof holder.host === 'string') return holder;
  } catch (error) {
    if (error instanceof OtaError && error.code === 'NOT_FOUND') return undefined;
    if (!(error instanceof OtaError) || error.code === 'IO_FAILED' || error.code === 'PERMISSION_DENIED') throw error;
  }
  throw new OtaError('LOCKED', `${escapeText(path)}: exists and is no readable lock`, [
    'If no other run uses it, remove the file.',
  ]);
}

function locked(path: string, { pid, host }: LockHolder): OtaError {
  return new OtaError('LOCKED', `${escapeText(path)}: held by process ${pid} on ${escapeText(host)}`, [
    'Wait until it has ended, then run again.',
    'If it ran on a machine or in a container that is gone, remove the file.',
  ]);
}
