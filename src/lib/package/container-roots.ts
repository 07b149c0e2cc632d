import { OtaError } from '../core/errors.js';
import { readBounded } from '../core/file-access.js';
import { parseTrustRoot, type TrustRoot } from '../trust/root.js';
import { signatureNeeds } from '../trust/root-rotation.js';
import { CONTAINER_LIMITS, type ContainerRoot } from './container.js';

/**
 * Reads trust roots that a container is to carry, in order of version and without gaps. Each must have the signatures
 * without which every device refuses it, as far as the roots at hand tell.
 *
 * @throws OtaError ROOT_ROTATION (a gap, a version twice, signatures missing), as `parseTrustRoot`, and the failures of
 *   reading
 */
export async function readContainerRoots(paths: readonly string[]): Promise<ContainerRoot[]> {
  const read = await Promise.all(
    paths.map(async (path) => {
      const bytes = await readBounded(path, CONTAINER_LIMITS.rootBytes, 'trust root');
      return { bytes, root: parseTrustRoot(bytes, path) };
    }),
  );
  read.sort((a, b) => a.root.signed.version - b.root.signed.version);
  return read.map(({ root, bytes }, index) => {
    const { version } = root.signed;
    const expected = read[0]!.root.signed.version + index;
    if (version !== expected) {
      throw new OtaError('ROOT_ROTATION', `the trust roots to carry skip to version ${version}, expected ${expected}`, [
        'Give every version in between, each once.',
      ]);
    }
    requireSignatures(root, read[index - 1]?.root);
    return { version, bytes };
  });
}

function requireSignatures(root: TrustRoot, previous: TrustRoot | undefined): void {
  for (const { rootVersion, threshold, missing } of signatureNeeds(root, previous)) {
    if (missing === 0) continue;
    throw new OtaError(
      'ROOT_ROTATION',
      `${root.name}: has ${threshold - missing} of ${threshold} signatures of the root role of version ${rootVersion}`,
      ['Run `ota trust show` on it to see whose are missing, and `ota sign` to add them.'],
    );
  }
}
