import type { DeviceState } from '../package/device-state.js';
import { checkResources, type PolicyInput } from '../package/policy-checks.js';
import { type SelectedPayload, selectPayloads } from '../package/select-payloads.js';
import { bySize } from './offer.js';
import { type Refusal, refusalsOf } from './refusal.js';
import type { Cut, Release } from './release.js';
import type { ReturnImage } from './return-images.js';
import { kindsOf, own } from './standing.js';

/** An image of the way back that no slot holds. */
export interface FetchedImage {
  component: string;
  file: string;
  kind: 'delta' | 'full';
  bytes: number;
}

/** Where the images of a way back come from. */
export interface Storage {
  outcome: 'passed' | 'refused' | 'unknown';
  refusals: Refusal[];
  /** Components whose image a slot still holds. */
  kept: string[];
  /** The others; empty where nothing has to be downloaded, or where they cannot be had. */
  fetched: FetchedImage[];
  /** What the device downloads, where it has to. */
  download?: { cut: string; bytes: number };
  /** Nobody knows what is in the slots: what is to be fetched may be there after all. */
  slotsUnknown?: true;
}

/**
 * From the slots where they hold it, the rest from the smallest cut that has it, as a whole.
 *
 * @param images what every component becomes; undefined: not known
 * @param slots  SHA-256 of the images in slots beside those that run; absent: not known
 */
export function storageFor(
  release: Release,
  images: ReadonlyMap<string, ReturnImage> | undefined,
  {
    device,
    input,
    slots,
  }: { device: DeviceState; input: PolicyInput; slots: Readonly<Record<string, readonly string[]>> | undefined },
): Storage {
  if (images === undefined) return { outcome: 'unknown', refusals: [], kept: [], fetched: [] };
  const isKept = (component: string, sha256: string): boolean =>
    own(device.components, component)?.sha256 === sha256 || (own(slots ?? {}, component)?.includes(sha256) ?? false);
  const components = [...images];
  const kept = components.filter(([name, { sha256 }]) => isKept(name, sha256)).map(([name]) => name);
  const missing = components.filter(([name]) => !kept.includes(name)).map(([name]) => name);
  if (missing.length === 0) return { outcome: 'passed', refusals: [], kept, fetched: [] };

  const refusals = new Map<string, Refusal>();
  for (const cut of bySize(release.cuts)) {
    const { chosen, refused } = fetchFrom(cut, release, { missing, images, device, input });
    if (refused.length === 0) {
      const download = { cut: cut.label, bytes: cut.bytes };
      return {
        outcome: 'passed',
        refusals: [],
        kept,
        fetched: chosen.map(fetchedImage),
        download,
        ...(slots === undefined && { slotsUnknown: true }),
      };
    }
    for (const refusal of refused) refusals.set(JSON.stringify(refusal), refusal);
  }
  const why: Refusal[] = release.cuts.length === 0 ? [{ code: 'NO_ARTIFACT' }] : [...refusals.values()];
  // The slots may hold it yet: only the device can refuse.
  if (slots === undefined) return { outcome: 'unknown', refusals: why, kept, fetched: [], slotsUnknown: true };
  return { outcome: 'refused', refusals: why, kept, fetched: [] };
}

function fetchFrom(
  cut: Cut,
  { metadata }: Release,
  {
    missing,
    images,
    device,
    input,
  }: {
    missing: readonly string[];
    images: ReadonlyMap<string, ReturnImage>;
    device: DeviceState;
    input: PolicyInput;
  },
): { chosen: SelectedPayload[]; refused: Refusal[] } {
  const contained = new Set(cut.files);
  const installed = Object.entries(device.components).map(([name, { sha256 }]) => [name, { name, sha256 }] as const);
  const { selected, failures } = selectPayloads(metadata, {
    contained,
    installed: new Map(installed),
    noFullFallback: input.noFullFallback,
    formats: device.formats,
    memoryBytes: device.memoryBytes,
    freeBytes: device.freeBytes,
  });
  const chosen = selected.filter(
    ({ entry: { component, target } }) =>
      missing.includes(component) && images.get(component)?.sha256 === target.sha256,
  );
  const unserved = missing.filter((name) => !chosen.some(({ entry }) => entry.component === name));
  const foreign = unserved.filter((name) => !metadata.payloads.some(({ component }) => component === name));
  const context = { metadata, device, kinds: kindsOf(device), selected: chosen, input: { ...input, contained } };
  const refused: Refusal[] = [
    ...(unserved.length > foreign.length ? refusalsOf(failures, context) : []),
    ...(foreign.length > 0 ? [{ code: 'NO_IMAGE' as const, components: foreign }] : []),
    ...refusalsOf(checkResources(chosen, device, input).failures, context),
  ];
  return { chosen, refused };
}

function fetchedImage({ entry: { component, file, size, base } }: SelectedPayload): FetchedImage {
  return { component, file, kind: base === undefined ? 'full' : 'delta', bytes: size };
}
