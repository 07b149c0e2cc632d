import type { DeviceState } from './device-state.js';
import type { Metadata } from './metadata.js';
import {
  checkCounter,
  checkDependencies,
  checkExpiry,
  checkHardware,
  checkModel,
  checkProduct,
  checkResources,
  checkRollback,
  checkSequence,
  type PolicyCheck,
  type PolicyInput,
} from './policy-checks.js';
import { type SelectedPayload, selectPayloads } from './select-payloads.js';

/** The judgement of a device on a package: refused where any check has failures. */
export interface PolicyVerdict {
  /** The very release that runs: installing it again changes nothing. */
  alreadyRunning: boolean;
  checks: PolicyCheck[];
  selected: SelectedPayload[];
}

/**
 * Judges a package by what a device tells about itself. Pure: every check is made,
 * so that all refusals are known at once.
 *
 * @see docs/package-format.md, "Policy"; TUF specification 1.0.31, section 5 (rollback, freeze and fast-forward attacks)
 */
export function judgePackage(metadata: Metadata, device: DeviceState, input: PolicyInput): PolicyVerdict {
  const alreadyRunning = device.running?.digest === input.digest;
  const { selected, failures } = selectPayloads(metadata, {
    contained: input.contained,
    installed: new Map(
      Object.entries(device.components).map(([name, image]) => [
        name,
        { name: `component ${name} of the device`, sha256: image.sha256 },
      ]),
    ),
    noFullFallback: input.noFullFallback,
    formats: device.formats,
    memoryBytes: device.memoryBytes,
    freeBytes: device.freeBytes,
  });
  const base: PolicyCheck = {
    name: 'base',
    detail: selected.map(({ entry }) => entry.file).join(', ') || 'no payload fits',
    failures: alreadyRunning ? [] : failures,
  };
  return {
    alreadyRunning,
    checks: [
      checkProduct(metadata, device, input),
      checkModel(metadata, device, input),
      checkHardware(metadata, device, input),
      input.intent === 'rollback' ? checkRollback(metadata, device, input) : checkSequence(metadata, device, input),
      checkCounter(metadata, device, input),
      checkExpiry(metadata, device, input),
      base,
      checkResources(selected, device, input),
      checkDependencies(metadata, device, input),
    ],
    selected,
  };
}

/** @throws OtaError the first refusal of a verdict, if there is one */
export function requireAccepted(verdict: Pick<PolicyVerdict, 'checks'>): void {
  const refusal = verdict.checks.flatMap((check) => check.failures)[0];
  if (refusal !== undefined) throw refusal;
}
