import { constants } from 'node:fs';
import { mkdir, open, readdir, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Clock, systemClock } from '../core/clock.js';
import { OtaError } from '../core/errors.js';
import { ioError, systemCode } from '../core/io-error.js';
import { withLock } from '../core/lock.js';
import { escapeText } from '../core/text.js';
import type { ReleaseRecord } from './boot-control.js';
import { FileCounter } from './file-counter.js';
import { type InitOptions, type InitSpec, initDevice, planDevice } from './init.js';
import { LOCK_NAME, openNodeDeviceFs } from './node-device-fs.js';

export interface InitNodeOptions extends Omit<InitOptions, 'name'> {
  clock?: Clock;
  /** Check everything, write nothing. */
  dryRun?: boolean;
}

/**
 * Makes a device in a new folder, or in an empty one; its monotonic counter too, where it names one. After a failure
 * nothing is left.
 *
 * @returns the release that it runs
 * @throws OtaError OUTPUT_EXISTS: the folder holds something; as `initDevice` and `FileCounter`
 */
export async function initNodeDevice(
  dir: string,
  spec: InitSpec,
  { clock = systemClock, dryRun = false, ...options }: InitNodeOptions = {},
): Promise<ReleaseRecord> {
  await requireEmpty(dir);
  if (dryRun) return (await planDevice({ clock }, spec, options)).release.record;
  const isNew = await makeFolder(dir);
  try {
    return await withLock(
      join(dir, 'lock'),
      async () => {
        await requireEmpty(dir); // another may have been faster
        const record = await fillFolder(dir, spec, { clock, ...options });
        if (isNew) await syncFolder(dirname(resolve(dir)));
        return record;
      },
      options,
    );
  } catch (error) {
    if (isNew) await rmdir(dir).catch(() => {}); // another device may have come to live there
    throw error;
  }
}

async function fillFolder(
  dir: string,
  spec: InitSpec,
  { clock, ...options }: InitOptions & { clock: Clock },
): Promise<ReleaseRecord> {
  await using fs = await openNodeDeviceFs(dir, spec.layout.erasedValue);
  try {
    const path = spec.monotonicCounter;
    const counter = path === undefined ? undefined : await FileCounter.create(resolve(dir, path));
    const machine = { fs, clock, ...(counter !== undefined && { counter }) };
    const { control } = await initDevice(machine, spec, { ...options, name: dir });
    return control.current.releases[0]!;
  } catch (error) {
    for (const name of await fs.list()) await fs.remove(name).catch(() => {}); // the failure that led here counts
    throw error;
  }
}

async function requireEmpty(dir: string): Promise<void> {
  const entries = await readdir(dir).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw ioError(error, dir);
  });
  if (entries.every((name) => LOCK_NAME.test(name))) return;
  throw new OtaError('OUTPUT_EXISTS', `${escapeText(dir)}: is not empty`, [
    'Name a new folder, or remove what is in this one.',
  ]);
}

/** @returns whether it was not there before */
async function makeFolder(dir: string): Promise<boolean> {
  try {
    await mkdir(dir, { mode: 0o700 });
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw ioError(error, dir);
  }
}

/** The name of a new folder lies in the one above it. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return; // has no such call
  const handle = await open(path, constants.O_RDONLY).catch((error: unknown) => {
    throw ioError(error, path);
  });
  try {
    await handle.sync();
  } catch (error) {
    const code = systemCode(error);
    if (code !== 'EINVAL' && code !== 'ENOTSUP') throw ioError(error, path);
  } finally {
    await handle.close();
  }
}
