import type { Cohort, RolloutPlan, SoftwareRef } from './plan.js';

/** A device as the server knows it now. */
export interface DeviceNow {
  readonly id: string;
  readonly installed: SoftwareRef | null;
}

/** What is otherwise than when the plan was made. Devices in ascending order. */
export interface Drift {
  /** Match the target now, and the plan does not know them: they get nothing. */
  readonly appeared: readonly string[];
  /** Are in a stage, and do not match the target any more, or do not exist. */
  readonly gone: readonly string[];
  /** Are in a stage, and have the package already. */
  readonly updated: readonly string[];
  /** Are in a stage, and run something else than the plan says: what they would go back to is wrong. */
  readonly changed: readonly string[];
  /** Devices of all stages. */
  readonly planned: number;
  /** All of these, of the devices of the plan, percent. */
  readonly percent: number;
  readonly allowedPercent: number;
  readonly isWithinAllowed: boolean;
}

/** @param now all devices that match the target of the plan, and none that it excludes */
export function planDrift(plan: RolloutPlan, now: Iterable<DeviceNow>): Drift {
  const planned = new Map(plan.stages.flatMap(({ devices }) => devices));
  const leftOut = new Set(plan.leftOut.flatMap(({ devices }) => devices));
  const seen = new Set<string>();
  const appeared: string[] = [];
  const updated: string[] = [];
  const changed: string[] = [];
  for (const device of now) {
    const place = planned.get(device.id);
    if (place === undefined) {
      if (!leftOut.has(device.id)) appeared.push(device.id);
      continue;
    }
    seen.add(device.id);
    if (hasPackage(device, plan.package.digest)) updated.push(device.id);
    else if (!runsAsPlanned(device.installed, plan.cohorts[place]!)) changed.push(device.id);
  }
  const gone = [...planned.keys()].filter((id) => !seen.has(id));
  const drifted = appeared.length + gone.length + updated.length + changed.length;
  const percent = (100 * drifted) / planned.size;
  return {
    appeared: appeared.sort(),
    gone: gone.sort(),
    updated: updated.sort(),
    changed: changed.sort(),
    planned: planned.size,
    percent,
    allowedPercent: plan.allowedDriftPercent,
    isWithinAllowed: percent <= plan.allowedDriftPercent,
  };
}

function hasPackage({ installed }: DeviceNow, digest: string): boolean {
  return installed?.digest === digest;
}

function runsAsPlanned(installed: SoftwareRef | null, { previous }: Cohort): boolean {
  return (installed?.id ?? null) === (previous?.id ?? null);
}
