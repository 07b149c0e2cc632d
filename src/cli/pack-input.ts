import { parseByteSize } from '../lib/core/byte-size.js';
import { OtaError } from '../lib/core/errors.js';
import { ResourceStack } from '../lib/core/resource-stack.js';
import { type LocalInput, openLocalInput } from '../lib/net/local-input.js';
import { byComponent, parseComponentSpec } from '../lib/package/component-spec.js';
import type { ImageHints } from '../lib/package/create-candidate.js';
import type { PackageInput } from '../lib/package/open-package.js';
import type { ComponentInput, ImageInput } from '../lib/package/pack-payloads.js';
import { MAX_ENTRY_BYTES } from '../lib/package/ustar.js';
import { parseAddress, parseMachine } from './delta-choices.js';

/** The component that is meant where `pack` is given no name. */
const DEFAULT_COMPONENT = 'app';

export interface ComponentFlags {
  from: readonly string[];
  'from-version': readonly string[];
  to: readonly string[];
  'to-version': readonly string[];
  'slot-size': readonly string[];
  machine: readonly string[];
  'base-address': readonly string[];
  full: boolean;
  /** Version of the release: that of every component without one of its own. */
  version: string;
}

/** Components with their images as local files, which stay until disposal. */
export interface OpenComponents extends AsyncDisposable {
  components: ComponentInput[];
}

/**
 * Joins the options that describe components: `--from`, `--to` and their companions.
 *
 * @throws OtaError USAGE, as `openLocalInput`
 */
export async function openComponents(flags: ComponentFlags, input: PackageInput): Promise<OpenComponents> {
  const targets = byComponent(flags.to, DEFAULT_COMPONENT, '--to');
  const versions = byComponent(flags['to-version'], DEFAULT_COMPONENT, '--to-version');
  const slots = byComponent(flags['slot-size'], DEFAULT_COMPONENT, '--slot-size');
  const bases = basesByComponent(flags);
  const machines = byComponent(flags.machine, DEFAULT_COMPONENT, '--machine');
  const addresses = byComponent(flags['base-address'], DEFAULT_COMPONENT, '--base-address');
  for (const [option, named] of Object.entries({
    '--from': bases,
    '--to-version': versions,
    '--slot-size': slots,
    '--machine': machines,
    '--base-address': addresses,
  })) {
    const stray = [...named.keys()].find((component) => !targets.has(component));
    if (stray === undefined) continue;
    throw new OtaError('USAGE', `${option} names component ${stray}, which has no --to`, [
      `Add --to ${stray}=FILE, or name one of ${[...targets.keys()].join(', ')}.`,
    ]);
  }
  await using open = new ResourceStack();
  const local = async (spec: string): Promise<Pick<LocalInput, 'name' | 'path'>> => {
    const { name, path } = open.use(await openLocalInput(spec, { ...input, maxBytes: MAX_ENTRY_BYTES }));
    return { name, path };
  };
  const components: ComponentInput[] = [];
  for (const [component, spec] of targets) {
    const slot = slots.get(component);
    const images: ImageInput[] = [];
    for (const base of bases.get(component) ?? []) images.push({ ...base, ...(await local(base.spec)) });
    components.push({
      component,
      target: { ...(await local(spec)), version: versions.get(component) ?? flags.version },
      bases: images,
      full: flags.full,
      hints: imageHints(machines.get(component), addresses.get(component)),
      ...(slot === undefined ? {} : { slotBytes: parseByteSize(slot) }),
    });
  }
  const kept = open.move();
  return { components, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
}

/** @throws OtaError USAGE */
export function imageHints(machine: string | undefined, address: string | undefined): ImageHints {
  return {
    ...(machine !== undefined && { machine: parseMachine(machine) }),
    ...(address !== undefined && { baseAddress: parseAddress(address) }),
  };
}

/** A base as it was typed. */
interface NamedBase {
  spec: string;
  version?: string;
}

/** The n-th `--from-version` belongs to the n-th `--from`. */
function basesByComponent({ from, 'from-version': versions }: ComponentFlags): Map<string, NamedBase[]> {
  if (versions.length > 0 && versions.length !== from.length) {
    throw new OtaError('USAGE', `${versions.length} --from-version for ${from.length} --from, expected one for each`, [
      'Give the versions in the order of the images, or none.',
    ]);
  }
  const bases = new Map<string, NamedBase[]>();
  for (const [index, text] of from.entries()) {
    const { component = DEFAULT_COMPONENT, value } = parseComponentSpec(text);
    const version = versions[index];
    const list = bases.get(component) ?? [];
    list.push(version === undefined ? { spec: value } : { spec: value, version });
    bases.set(component, list);
  }
  return bases;
}
