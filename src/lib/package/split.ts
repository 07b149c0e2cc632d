import { OtaError } from '../core/errors.js';
import type { ListedPayload } from './authenticate.js';

/** A part of a package's payloads that serves the devices with one base. */
export interface ThinCut {
  /** What tells it from the others: first 8 digits of the base's SHA-256, or `full`. */
  label: string;
  payloads: ListedPayload[];
}

/**
 * Cuts a package into thin ones: one for each base, and one with the full images if
 * every component has one. The k-th bases of all components belong together; a component
 * with a single payload goes into every cut. Metadata and signatures stay as they are.
 *
 * @throws OtaError USAGE: the components have different numbers of bases
 */
export function thinCuts(payloads: readonly ListedPayload[]): ThinCut[] {
  const components = [...Map.groupBy(payloads, ({ entry }) => entry.component).values()].map((listed) => ({
    single: listed.length === 1 ? listed[0] : undefined,
    deltas: listed.filter(({ entry }) => entry.base !== undefined),
    full: listed.find(({ entry }) => entry.base === undefined),
  }));
  const varied = components.filter(({ single }) => single === undefined);
  const counts = new Set(varied.map(({ deltas }) => deltas.length));
  if (counts.size > 1) {
    throw new OtaError(
      'USAGE',
      `cannot split: components have ${[...counts].join(' and ')} bases, expected the same number`,
      ['Give every component its --from of each release, in the same order.'],
    );
  }
  const cuts: ThinCut[] = [];
  const cut = (label: string | undefined, chosen: (ListedPayload | undefined)[]): void => {
    if (chosen.every((payload) => payload !== undefined)) cuts.push({ label: label ?? 'full', payloads: chosen });
  };
  for (const [index, lead] of (varied[0]?.deltas ?? []).entries()) {
    cut(
      lead.entry.base?.sha256.slice(0, 8),
      components.map(({ single, deltas }) => single ?? deltas[index]),
    );
  }
  if (varied.length === 0) {
    const lead = components.find(({ deltas }) => deltas.length > 0);
    cut(
      lead?.deltas[0]?.entry.base?.sha256.slice(0, 8),
      components.map(({ single }) => single),
    );
  } else {
    cut(
      'full',
      components.map(({ single, full }) => single ?? full),
    );
  }
  return cuts;
}
