import { openFile } from '../lib/core/file-access.js';
import type { RandomAccess } from '../lib/core/random-access.js';
import { ResourceStack } from '../lib/core/resource-stack.js';
import { openLocalInput } from '../lib/net/local-input.js';
import { CONTAINER_LIMITS } from '../lib/package/container.js';
import type { PackageInput } from '../lib/package/open-package.js';

/** Package files that stay open until disposal; nobody has judged them yet. */
export interface OpenPackageFiles extends AsyncDisposable {
  files: RandomAccess[];
}

/**
 * Opens packages from paths, stdin (`-`) or http(s) addresses.
 *
 * @throws OtaError as `openLocalInput`
 */
export async function openPackageFiles(specs: readonly string[], input: PackageInput): Promise<OpenPackageFiles> {
  await using open = new ResourceStack();
  const files: RandomAccess[] = [];
  for (const spec of specs) {
    const local = open.use(await openLocalInput(spec, { ...input, maxBytes: CONTAINER_LIMITS.containerBytes }));
    const file = open.use(await openFile(local.path));
    files.push({ name: local.name, size: file.size, read: file.read });
  }
  const kept = open.move();
  return { files, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
}
