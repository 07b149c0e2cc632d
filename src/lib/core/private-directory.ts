import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ioError } from './io-error.js';

/** A temporary directory that only this user can look into (0700). Disposal removes it and all that is in it. */
export interface PrivateDirectory extends AsyncDisposable {
  readonly path: string;
}

export async function openPrivateDirectory(): Promise<PrivateDirectory> {
  try {
    const path = await mkdtemp(join(tmpdir(), 'ota-'));
    await chmod(path, 0o700);
    return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
  } catch (error) {
    throw ioError(error, tmpdir());
  }
}
