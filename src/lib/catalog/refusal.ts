import type { ErrorCode, OtaError } from '../core/errors.js';
import type { DeviceState } from '../package/device-state.js';
import type { Metadata } from '../package/metadata.js';
import { checkDependencies, type PolicyInput, timeOf } from '../package/policy-checks.js';
import type { SelectedPayload } from '../package/select-payloads.js';
import type { DeviceKinds } from './standing.js';

/** What an update needs more of than the device has, bytes. */
export interface Shortage {
  of: 'slot' | 'memory' | 'storage';
  component?: string;
  needed: number;
  available: number;
}

/** An image that a delta would apply to. */
export interface MissingBase {
  component: string;
  /** SHA-256 of the images that it could be, of which none is installed. */
  needed: readonly string[];
  installed?: string;
}

/** Why a device does not get a release: the code that it would answer with, and what was compared. */
export type Refusal =
  | { code: 'PRODUCT_MISMATCH'; product: string; device: string }
  | { code: 'MODEL_INCOMPATIBLE'; models: readonly string[]; device: readonly string[] }
  | { code: 'HARDWARE_INCOMPATIBLE'; hardwareRevisions: readonly string[]; device: readonly string[] }
  | { code: 'SEQUENCE_ROLLBACK' | 'SEQUENCE_CONFLICT'; sequence: number; running: number }
  | { code: 'COUNTER_ROLLBACK'; securityCounter: number; stored: number }
  | { code: 'PACKAGE_EXPIRED'; expiresAt: string; judgedAt: string }
  | { code: 'BASE_MISMATCH'; bases: readonly MissingBase[] }
  | { code: 'FULL_FALLBACK_FORBIDDEN' }
  | { code: 'DOES_NOT_FIT'; shortages: readonly Shortage[] }
  | { code: 'DEPENDENCY_UNMET'; unmet: readonly { component: string; range: string; version?: string }[] }
  | { code: 'COMPONENT_MISSING'; components: readonly string[] }
  | { code: 'ROLLBACK_FORBIDDEN'; why: 'never-ran' | 'not-allowed' }
  | { code: 'ROLLBACK_FORBIDDEN'; why: 'below-minimum'; minVersion: string }
  | CatalogueRefusal;

/** What the catalogue itself withholds, whatever the device would say. */
export type CatalogueRefusal =
  /** By whoever published it. */
  | { code: 'YANKED'; reason: string }
  /** The trust root of today does not believe its signatures. */
  | { code: 'SIGNATURE_REFUSED' }
  /** Its files are gone. */
  | { code: 'NO_ARTIFACT' }
  /** Images that came with another release, and are in no slot any more. */
  | { code: 'NO_IMAGE'; components: readonly string[] }
  /** A way to a channel's head leads through that channel alone. */
  | { code: 'OUTSIDE_CHANNEL'; channel: string };

/** What was judged: the same that policy was given. */
export interface Judged {
  metadata: Metadata;
  device: DeviceState;
  kinds: DeviceKinds;
  selected: readonly SelectedPayload[];
  input: PolicyInput;
}

/** The refusals of policy as facts, each code once, in the order of its checks. */
export function refusalsOf(failures: readonly OtaError[], judged: Judged): Refusal[] {
  return [...new Set(failures.map(({ code }) => code))].map((code) => factsOf(code, judged));
}

function factsOf(code: ErrorCode, { metadata, device, kinds, selected, input }: Judged): Refusal {
  switch (code) {
    case 'PRODUCT_MISMATCH':
      return { code, product: metadata.product, device: device.product };
    case 'MODEL_INCOMPATIBLE':
      return { code, models: metadata.compatible.models, device: kinds.models ?? [device.model] };
    case 'HARDWARE_INCOMPATIBLE':
      return {
        code,
        hardwareRevisions: metadata.compatible.hardwareRevisions ?? [],
        device: kinds.hardwareRevisions ?? [],
      };
    case 'SEQUENCE_ROLLBACK':
    case 'SEQUENCE_CONFLICT':
      return { code, sequence: metadata.sequence, running: device.running?.sequence ?? 0 };
    case 'COUNTER_ROLLBACK':
      return { code, securityCounter: metadata.securityCounter, stored: device.securityCounter };
    case 'PACKAGE_EXPIRED':
      return { code, expiresAt: metadata.expiresAt ?? '', judgedAt: timeOf(input.now, device).toISOString() };
    case 'BASE_MISMATCH':
      return { code, bases: missingBases(metadata, device, input.contained) };
    case 'FULL_FALLBACK_FORBIDDEN':
      return { code };
    case 'DOES_NOT_FIT':
      return { code, shortages: shortages(selected, device) };
    case 'DEPENDENCY_UNMET':
      return { code, unmet: unmetDependencies(metadata, device, input) };
    case 'COMPONENT_MISSING':
      return { code, components: missingComponents(metadata, device) };
    case 'ROLLBACK_FORBIDDEN':
      return rollbackForbidden(device, input);
    default:
      throw new Error(`policy has refused with ${code}, which the catalogue does not know`);
  }
}

function missingBases(
  { payloads }: Metadata,
  device: DeviceState,
  contained: ReadonlySet<string>,
): readonly MissingBase[] {
  const listed = Map.groupBy(
    payloads.filter(({ file }) => contained.has(file)),
    ({ component }) => component,
  );
  return [...listed].flatMap(([component, entries]) => {
    const installed = componentOf(device, component)?.sha256;
    const needed = [...new Set(entries.flatMap(({ base }) => base?.sha256 ?? []))];
    const fits = entries.some(({ base }) => base === undefined || base.sha256 === installed);
    return fits ? [] : [{ component, needed, ...(installed !== undefined && { installed }) }];
  });
}

function shortages(selected: readonly SelectedPayload[], device: DeviceState): Shortage[] {
  const memory = Math.max(0, ...selected.map(({ entry }) => entry.applyMemoryBytes));
  const storage = selected.reduce((sum, { entry }) => sum + entry.storageBytes, 0);
  const needs: (Omit<Shortage, 'available'> & { available: number | undefined })[] = [
    ...selected.map(({ entry: { component, target } }) => ({
      of: 'slot' as const,
      component,
      needed: target.size,
      available: componentOf(device, component)?.slotBytes,
    })),
    { of: 'memory', needed: memory, available: device.memoryBytes },
    { of: 'storage', needed: storage, available: device.freeBytes },
  ];
  return needs.flatMap(({ available, ...need }) =>
    available !== undefined && need.needed > available ? [{ ...need, available }] : [],
  );
}

/** Each one by itself, so that it is policy that says which of them is unmet. */
function unmetDependencies(metadata: Metadata, device: DeviceState, input: PolicyInput) {
  return (metadata.dependsOn ?? []).flatMap((dependency) => {
    const { failures } = checkDependencies({ ...metadata, dependsOn: [dependency] }, device, input);
    if (!failures.some(({ code }) => code === 'DEPENDENCY_UNMET')) return [];
    const { component } = dependency;
    const brought = metadata.payloads.find((entry) => entry.component === component)?.target.version;
    const version = brought ?? componentOf(device, component)?.version;
    return [{ ...dependency, ...(version !== undefined && { version }) }];
  });
}

function missingComponents({ payloads }: Metadata, device: DeviceState): string[] {
  const brought = new Set(payloads.map(({ component }) => component));
  return [...brought].filter((component) => componentOf(device, component) === undefined);
}

function rollbackForbidden({ history, running }: DeviceState, { digest }: PolicyInput): Refusal {
  const code = 'ROLLBACK_FORBIDDEN';
  if (!history.some((release) => release.digest === digest)) return { code, why: 'never-ran' };
  if (running?.rollback?.allowed !== true) return { code, why: 'not-allowed' };
  return { code, why: 'below-minimum', minVersion: running.rollback.minVersion ?? '' };
}

/** A name of a component may also be that of a property that every object has. */
function componentOf({ components }: DeviceState, name: string): DeviceState['components'][string] | undefined {
  return Object.hasOwn(components, name) ? components[name] : undefined;
}
