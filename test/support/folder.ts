import { hash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of its own for one test. */
export interface TestFolder extends AsyncDisposable {
  path: string;
  file(name: string): string;
  /** Every file with its hash: what must stand still when something is refused. */
  state(): Promise<Record<string, string>>;
}

export async function testFolder(): Promise<TestFolder> {
  const path = await mkdtemp(join(tmpdir(), 'ota-test-'));
  return {
    path,
    file: (name) => join(path, name),
    async state() {
      const entries = await readdir(path, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
      const hashes = await Promise.all(files.map(async (file) => [file, hash('sha256', await readFile(file))]));
      return Object.fromEntries(hashes.sort());
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}
