import { openAtomicFile } from '../core/atomic-file.js';
import { chunksOf } from '../core/file-access.js';
import type { RandomAccess } from '../core/random-access.js';
import { applyInPlace, slotBytes } from './inplace/apply-in-place.js';
import { blameProducer, requireSame } from './prove-patch.js';
import { openStorage } from './storage.js';

/**
 * Applies a fresh patch over a copy of the old image, as a device would, and compares the result with the
 * image it should make.
 *
 * @param copyPath where the copy may lie meanwhile; must not exist
 * @throws OtaError TOOL_FAILED when it does not make that image; what the files say
 */
export async function proveInPlace(
  {
    patch,
    base,
    copyPath,
    signal,
  }: { patch: RandomAccess; base: RandomAccess; copyPath: string; signal?: AbortSignal },
  target: RandomAccess,
  onProgress: (doneFraction: number) => void,
): Promise<void> {
  await using copy = await openAtomicFile(copyPath, { signal });
  for await (const chunk of chunksOf(base, { signal })) await copy.write(chunk);
  onProgress(1 / 3);
  await using slot = await openStorage(copy.path, 'write');
  await blameProducer({ format: 'otad-inplace' }, target, async () => {
    await slot.resize(Math.max(slot.size, await slotBytes(patch)));
    await applyInPlace({ patch, device: slot, targetSize: target.size, signal });
    onProgress(2 / 3);
    let at = 0;
    for await (const wanted of chunksOf(target, { signal })) {
      const made = Buffer.allocUnsafe(wanted.length);
      await slot.read(made, at);
      requireSame({ format: 'otad-inplace' }, target, { at, made, wanted });
      at += wanted.length;
    }
  });
  onProgress(1);
}
