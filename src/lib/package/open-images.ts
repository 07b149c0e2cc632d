import { openFile, region } from '../core/file-access.js';
import type { RandomAccess } from '../core/random-access.js';
import { ResourceStack } from '../core/resource-stack.js';
import { type LocalInputOptions, openLocalInput } from '../net/local-input.js';
import { byComponent } from './component-spec.js';
import { type Metadata, targetsOf } from './metadata.js';
import { MAX_ENTRY_BYTES } from './ustar.js';

/** Images by component; they stay open until disposal. */
export interface OpenImages extends AsyncDisposable {
  images: ReadonlyMap<string, RandomAccess>;
}

/**
 * Opens the base images that a person names: `[COMPONENT=]FILE`, also `-` and http(s) addresses.
 *
 * @throws OtaError USAGE, as `openLocalInput`
 */
export async function openImages(
  specs: readonly string[],
  metadata: Metadata,
  options: Omit<LocalInputOptions, 'maxBytes'> = {},
): Promise<OpenImages> {
  await using open = new ResourceStack();
  const images = new Map<string, RandomAccess>();
  for (const [component, spec] of byComponent(specs, onlyComponent(metadata), '--base')) {
    const input = open.use(await openLocalInput(spec, { ...options, maxBytes: MAX_ENTRY_BYTES }));
    const file = open.use(await openFile(input.path));
    images.set(component, region(file, input.name, 0, file.size));
  }
  const kept = open.move();
  return { images, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
}

/** The component that a name may be left out for. */
export function onlyComponent(metadata: Metadata): string | undefined {
  const components = [...targetsOf(metadata).keys()];
  return components.length === 1 ? components[0] : undefined;
}
