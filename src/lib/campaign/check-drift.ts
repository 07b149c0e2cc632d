import type { DriverSoftware, FleetDriver } from '../fleet-api/driver.js';
import { parseFiql } from '../query/parse-fiql.js';
import type { RolloutPlan } from '../rollout/plan.js';
import { type Drift, planDrift } from '../rollout/plan-drift.js';
import { allDevices, deviceIds, fiqlOf } from './planning/choose-devices.js';
import { knownReleases } from './planning/running-software.js';

/**
 * Compares a plan with what its server says now.
 *
 * @throws OtaError those of the driver
 */
export async function checkDrift(plan: RolloutPlan, driver: FleetDriver, signal?: AbortSignal): Promise<Drift> {
  const { target } = plan;
  const devices = await allDevices(driver, target.where, signal);
  const filters = [target.where, target.exclude ?? ''].filter((text) => text !== '').map((text) => parseFiql(text));
  const excluded = target.exclude === null ? new Set() : await deviceIds(driver, fiqlOf(...filters), signal);
  const known = await knownReleases(driver, plan.package.product, signal);
  const now: { id: string; installed: DriverSoftware | null }[] = [];
  for (const device of devices) {
    if (!excluded.has(device.id)) now.push({ id: device.id, installed: await known.runningOf(device) });
  }
  return planDrift(plan, now);
}
