import { OtaError } from '../core/errors.js';
import { readBounded } from '../core/file-access.js';
import { parseTrustRoot } from '../trust/root.js';
import { CONTAINER_LIMITS, type ContainerRoot } from './container.js';

/**
 * Reads trust roots that a container is to carry, in order of version and without gaps.
 *
 * @throws OtaError ROOT_ROTATION (a gap or a version twice), as `parseTrustRoot`, and the failures of reading
 */
export async function readContainerRoots(paths: readonly string[]): Promise<ContainerRoot[]> {
  const roots: ContainerRoot[] = [];
  for (const path of paths) {
    const bytes = await readBounded(path, CONTAINER_LIMITS.rootBytes, 'trust root');
    roots.push({ version: parseTrustRoot(bytes, path).signed.version, bytes });
  }
  roots.sort((a, b) => a.version - b.version);
  for (const [index, { version }] of roots.entries()) {
    const expected = roots[0]!.version + index;
    if (version !== expected) {
      throw new OtaError('ROOT_ROTATION', `the trust roots to carry skip to version ${version}, expected ${expected}`, [
        'Give every version in between, each once.',
      ]);
    }
  }
  return roots;
}
