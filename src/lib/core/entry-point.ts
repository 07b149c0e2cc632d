import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * Built file of a worker or child process, which needs a file of its own instead of a place in a bundle.
 *
 * `src/lib/delta/encode.worker.ts` becomes `dist/lib/delta/encode.worker.js`. It is found from the
 * package's root, so the same call works from a bundle chunk and from the sources under test; the
 * latter also run the built worker, therefore tests build first.
 *
 * @param path relative to lib, without extension: `delta/encode.worker`
 */
export function entryPoint(path: string): URL {
  let root = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(root, 'dist', 'lib'))) {
    if (root === dirname(root)) throw new Error('dist/lib is missing: run `npm run build`');
    root = dirname(root);
  }
  return pathToFileURL(join(root, 'dist', 'lib', `${path}.js`));
}
