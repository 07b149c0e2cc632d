import type { DeviceState } from './device-state.js';
import type { Metadata } from './metadata.js';
import {
  checkCounter,
  checkDependencies,
  checkHardware,
  checkModel,
  checkProduct,
  checkResources,
  checkRollback,
  type PolicyCheck,
  type PolicyInput,
} from './policy-checks.js';
import type { SelectedPayload } from './select-payloads.js';

export interface WayBack {
  /** What each component becomes, also those that the package does not bring: they return to what they were. */
  readonly after: ReadonlyMap<string, { readonly version?: string | undefined; readonly sha256: string }>;
  /** Payloads of images that are in no slot any more. */
  readonly written: SelectedPayload[];
}

/**
 * Judges an explicit request to return to a release that ran before: it may lower the sequence and ignore expiry, and
 * nothing else. Signatures count as for an installation: whoever asks has checked them under the device's present root.
 *
 * @see docs/package-format.md, "Policy"
 */
export function judgeRollback(
  metadata: Metadata,
  device: DeviceState,
  { after, written }: WayBack,
  given: Omit<PolicyInput, 'intent' | 'contained'>,
): PolicyCheck[] {
  const input: PolicyInput = { ...given, contained: new Set(), intent: 'rollback' };
  const images = [...after].map(([name, { version, sha256 }]) => {
    const before = Object.hasOwn(device.components, name) ? device.components[name] : undefined;
    return [name, { ...before, version, sha256 }];
  });
  const components = { ...device.components, ...Object.fromEntries(images) };
  return [
    checkProduct(metadata, device, input),
    checkModel(metadata, device, input),
    checkHardware(metadata, device, input),
    checkRollback(metadata, device, input),
    checkCounter(metadata, device, input),
    checkResources(written, device, input),
    checkDependencies(metadata, { ...device, components }, input),
  ];
}
