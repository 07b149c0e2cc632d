import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { OtaError } from '../lib/core/errors.js';
import { ioError } from '../lib/core/io-error.js';
import { ResourceStack } from '../lib/core/resource-stack.js';
import { escapeText } from '../lib/core/text.js';
import { openLocalInput } from '../lib/net/local-input.js';
import type { PackageInput } from '../lib/package/open-package.js';
import { MAX_ENTRY_BYTES } from '../lib/package/ustar.js';

/** Images as local files; copies of what came from elsewhere stay until disposal. */
export interface OpenMatrixImages extends AsyncDisposable {
  bases: { name: string; path: string }[];
  target: { name: string; path: string };
}

/**
 * Opens the images of a matrix. A folder stands for every file in it, by name, v2 before v10; what is
 * hidden or lies deeper is left out.
 *
 * @throws OtaError USAGE: a folder without files; as `openLocalInput`
 */
export async function openMatrixImages(
  from: readonly string[],
  to: string,
  input: PackageInput,
): Promise<OpenMatrixImages> {
  await using open = new ResourceStack();
  const local = async (spec: string) => {
    const { name, path } = open.use(await openLocalInput(spec, { ...input, maxBytes: MAX_ENTRY_BYTES }));
    return { name, path };
  };
  const target = await local(to);
  const bases: OpenMatrixImages['bases'] = [];
  for (const spec of from) for (const file of await filesOf(spec)) bases.push(await local(file));
  const kept = open.move();
  return { bases, target, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
}

async function filesOf(spec: string): Promise<string[]> {
  const isFolder = await stat(spec).then(
    (found) => found.isDirectory(),
    () => false, // an address, stdin, or something that opening it will complain about
  );
  if (!isFolder) return [spec];
  const entries = await readdir(spec, { withFileTypes: true }).catch((error: unknown) => {
    throw ioError(error, spec);
  });
  const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.')).map(({ name }) => name);
  if (files.length === 0) {
    throw new OtaError('USAGE', `--from ${escapeText(spec)}: the folder holds no image`, [
      'Name the images themselves.',
    ]);
  }
  const { compare } = new Intl.Collator('en', { numeric: true });
  return files.sort(compare).map((name) => join(spec, name));
}
