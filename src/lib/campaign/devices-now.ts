import type { DeviceQuestion } from './portion-devices.js';

/** What a device has by now, as the server knows it. */
export type HasNow =
  /** The update, or it is on its way to it. */
  | 'update'
  /** What it is to go back to, and it is not on its way to anything else. */
  | 'previous'
  /** Something that neither the plan nor the campaign has given it. */
  | 'other'
  /** The server does not say. */
  | 'unknown';

/** What the devices of a plan have by now. Those that the server no longer knows are missing. */
export async function devicesNow({ plan, driver, signal }: DeviceQuestion): Promise<ReadonlyMap<string, HasNow>> {
  const cohorts = new Map(plan.stages.flatMap(({ devices }) => devices));
  const now = new Map<string, HasNow>();
  // All of them: a target such as "runs 1.0" no longer matches who was updated.
  for await (const page of driver.devices('', signal)) {
    for (const { id, installed, assigned } of page) {
      const place = cohorts.get(id);
      if (place === undefined) continue;
      const has = assigned ?? installed;
      const isBack = has !== null && has.id === plan.cohorts[place]!.previous?.id;
      const isUpdate = has?.digest === plan.package.digest;
      const isThere = assigned === null || installed?.id === assigned.id;
      if (has === null || (isBack && !isThere)) now.set(id, 'unknown');
      else now.set(id, isUpdate ? 'update' : isBack ? 'previous' : 'other');
    }
  }
  return now;
}
