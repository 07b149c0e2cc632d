import { lstat, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { openAtomicFile, requireFreeTarget } from '../core/atomic-file.js';
import { commitTogether } from '../core/commit-together.js';
import { OtaError } from '../core/errors.js';
import { chunksOf, memoryAccess } from '../core/file-access.js';
import { ioError } from '../core/io-error.js';
import type { RandomAccess } from '../core/random-access.js';
import { ResourceStack } from '../core/resource-stack.js';
import type { Container } from './container.js';

/**
 * Writes the parts of a container as files. Their names are those of the format, which have no
 * way out of the folder; their content is not verified.
 *
 * @param folder made if absent; its parent must exist
 * @returns paths, in the order of the container
 * @throws OtaError OUTPUT_EXISTS and the other failures of writing; then none of the parts appears
 */
export async function extractParts(
  container: Container,
  folder: string,
  { force, dryRun, signal }: { force: boolean; dryRun: boolean; signal?: AbortSignal },
): Promise<string[]> {
  const parts = partsOf(container);
  const paths = parts.map(({ name }) => join(folder, name));
  for (const path of paths) await requireFreeTarget(path, force);
  if (dryRun) return paths;
  await mkdir(folder).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw ioError(error, folder);
    await refuseLink(folder);
  });
  await using open = new ResourceStack();
  const files = [];
  for (const [index, { data }] of parts.entries()) {
    const file = open.use(await openAtomicFile(paths[index]!, { force, signal }));
    for await (const chunk of chunksOf(data, { signal })) await file.write(chunk);
    files.push(file);
  }
  await commitTogether(files);
  return paths;
}

/** Resolved, since a slash at the end would follow the link. */
async function refuseLink(folder: string): Promise<void> {
  if (!(await lstat(resolve(folder))).isSymbolicLink()) return;
  throw new OtaError('OUTPUT_SYMLINK', `${folder}: is a symbolic link, outputs do not follow one`, [
    'Name the folder it points to, or remove the link.',
  ]);
}

function partsOf({
  metadataBytes,
  signatureBytes,
  roots,
  payloads,
}: Container): { name: string; data: RandomAccess }[] {
  const part = (name: string, bytes: Uint8Array): { name: string; data: RandomAccess } => ({
    name,
    data: memoryAccess(bytes, name),
  });
  return [
    part('metadata.json', metadataBytes),
    part('signature.json', signatureBytes),
    ...roots.map(({ version, bytes }) => part(`root.${version}.json`, bytes)),
    ...payloads.map(({ file, data }) => ({ name: file, data })),
  ];
}
