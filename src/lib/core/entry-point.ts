import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Built file of a worker or child process, which needs a file of its own instead of a place in a bundle.
 *
 * `src/lib/delta/encode.worker.ts` becomes `dist/lib/delta/encode.worker.js`. It is found from a
 * folder above, so the same call works from a bundle chunk and from the sources under test; the
 * latter also run the built worker, therefore tests build first.
 *
 * @param path relative to lib, without extension: `delta/encode.worker`
 */
export function entryPoint(path: string): URL {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const file = join(folder, 'dist', 'lib', `${path}.js`);
    if (existsSync(file)) return pathToFileURL(file);
    if (folder === dirname(folder)) throw new Error(`${path} is not built`);
  }
}
