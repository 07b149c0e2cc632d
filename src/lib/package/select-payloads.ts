import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import { type Metadata, type PayloadEntry, type PayloadFormat, targetsOf } from './metadata.js';

/** What a component has now. */
export interface InstalledImage {
  /** What to call it in errors: a path, or the component on its device. */
  name: string;
  sha256: string;
}

export interface SelectOptions {
  /** Names of the payloads that the container holds: a thin one carries a part of what metadata lists. */
  contained: ReadonlySet<string>;
  /** Installed image by component; a component may be absent. */
  installed: ReadonlyMap<string, InstalledImage>;
  /** Refuse to send the full image where a delta was offered but does not match. */
  noFullFallback?: boolean;
  /** Formats that the updater can apply; absent: all. */
  formats?: readonly PayloadFormat[];
  /** What applying may use, bytes; absent: not known. */
  memoryBytes?: number;
  freeBytes?: number;
}

/** The payload that brings one component to its target. */
export interface SelectedPayload {
  entry: PayloadEntry;
  /** The full image was taken although the package has deltas for this component. */
  fullFallback: boolean;
}

/**
 * Chooses for each component the delta whose base is installed, of several formats the smallest that
 * memory and storage are enough for, else the full image: all components or none.
 *
 * Where they are enough for nothing, the smallest delta is chosen nevertheless: whoever judges
 * resources then says what is short.
 *
 * @returns the selection in the order of metadata, or every reason why there is none:
 *   BASE_MISMATCH, FULL_FALLBACK_FORBIDDEN
 */
export function selectPayloads(
  metadata: Metadata,
  options: SelectOptions,
): { selected: SelectedPayload[]; failures: OtaError[] } {
  const selected: SelectedPayload[] = [];
  const failures: OtaError[] = [];
  let { freeBytes } = options;
  for (const component of targetsOf(metadata).keys()) {
    const choice = selectPayload(component, metadata, { ...options, freeBytes });
    if (choice instanceof OtaError) {
      failures.push(choice);
      continue;
    }
    selected.push(choice);
    if (freeBytes !== undefined) freeBytes -= choice.entry.storageBytes; // patches lie there side by side
  }
  return { selected, failures };
}

function selectPayload(component: string, metadata: Metadata, options: SelectOptions): SelectedPayload | OtaError {
  const { contained, installed, noFullFallback = false, formats } = options;
  const all = metadata.payloads.filter((entry) => entry.component === component);
  const usable = all.filter((entry) => contained.has(entry.file) && (formats?.includes(entry.format) ?? true));
  const image = installed.get(component);
  const deltas = usable
    .filter((entry) => entry.base !== undefined && entry.base.sha256 === image?.sha256)
    .sort((a, b) => a.size - b.size || a.applyMemoryBytes - b.applyMemoryBytes);
  const delta = deltas.find((entry) => fits(entry, options));
  if (delta !== undefined) return { entry: delta, fullFallback: false };

  const full = usable.find((entry) => entry.format === 'full');
  const fullFallback = all.some((entry) => entry.format !== 'full');
  const isFullTaken = full !== undefined && !(fullFallback && noFullFallback);
  if (deltas[0] !== undefined && !(isFullTaken && fits(full, options))) {
    return { entry: deltas[0], fullFallback: false };
  }
  if (isFullTaken) return { entry: full, fullFallback };
  const why = image === undefined ? `no base for component ${component}` : describeMismatch(image, usable);
  if (full !== undefined) {
    return new OtaError('FULL_FALLBACK_FORBIDDEN', `${why}, and falling back to its full image is forbidden`, [
      `Allow ${full.size} bytes of full image, or pack a delta from the installed version.`,
    ]);
  }
  return new OtaError('BASE_MISMATCH', `${why}, and there is no full image of ${component} to fall back to`, [
    'Run `ota inspect` on the package to see the versions it applies to.',
  ]);
}

function fits(
  { applyMemoryBytes, storageBytes }: PayloadEntry,
  { memoryBytes = Number.POSITIVE_INFINITY, freeBytes = Number.POSITIVE_INFINITY }: SelectOptions,
): boolean {
  return applyMemoryBytes <= memoryBytes && storageBytes <= freeBytes;
}

function describeMismatch(image: InstalledImage, usable: PayloadEntry[]): string {
  const bases = usable.flatMap(({ base }) => (base === undefined ? [] : [base.sha256]));
  const needed = bases.length === 0 ? 'no usable delta is in the package' : `the package needs ${bases.join(' or ')}`;
  return `${escapeText(image.name)}: SHA-256 is ${image.sha256}, ${needed}`;
}
