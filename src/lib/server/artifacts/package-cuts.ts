import { OtaError } from '../../core/errors.js';
import type { ListedPayload } from '../../package/authenticate.js';
import { type ThinCut, thinCuts } from '../../package/split.js';

/** A part of a package that serves the devices with certain images. */
export interface PackageCut {
  /** First 8 digits of its base's SHA-256; `full`: it needs none; `whole`: the package cannot be cut. */
  readonly label: string;
  /** Component → SHA-256 of the image that it must have. */
  readonly bases: Readonly<Record<string, string>>;
  readonly payloads: readonly ListedPayload[];
}

/**
 * Cuts a package for the devices that it serves. One whose components have different numbers of bases stays whole: its
 * devices choose for themselves.
 */
export function packageCuts(payloads: readonly ListedPayload[]): PackageCut[] {
  const cuts = cutsOf(payloads);
  if (cuts === undefined) return [{ label: 'whole', bases: {}, payloads }];
  return cuts.map(({ label, payloads: chosen }) => ({
    label,
    bases: Object.fromEntries(
      chosen.flatMap(({ entry }) => (entry.base === undefined ? [] : [[entry.component, entry.base.sha256]])),
    ),
    payloads: chosen,
  }));
}

function cutsOf(payloads: readonly ListedPayload[]): ThinCut[] | undefined {
  try {
    const cuts = thinCuts(payloads);
    return cuts.length === 0 ? undefined : cuts;
  } catch (error) {
    if (error instanceof OtaError && error.code === 'USAGE') return undefined;
    throw error;
  }
}

/** `meter-2.0.ota` → `meter-2.0.ab12cd34.ota` */
export function cutFilename(filename: string, label: string): string {
  const dot = filename.lastIndexOf('.');
  return dot <= 0 ? `${filename}.${label}` : `${filename.slice(0, dot)}.${label}${filename.slice(dot)}`;
}
