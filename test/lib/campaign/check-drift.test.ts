import { expect, test } from 'vitest';
import { checkDrift } from '../../../src/lib/campaign/check-drift.js';
import type { DriverRelease } from '../../../src/lib/fleet-api/driver.js';
import { type MemoryDevice, memoryDriver } from '../../support/memory-driver.js';
import { somePlan } from '../../support/rollout-plan.js';

const PLAN = somePlan({ stages: [{ devices: ['a', 'b', 'c'] }] });
const PREVIOUS = PLAN.cohorts[0]!.previous!;
const RELEASE: DriverRelease = {
  ...{ digest: PREVIOUS.digest!, version: '1.0.0', sequence: 1, securityCounter: 0, rollback: null },
  ...{ components: [], isYanked: false },
};
const NEW = { id: '2', name: 'meter', version: '2.0.0', digest: PLAN.package.digest };

const driverOf = (devices: MemoryDevice[]) => memoryDriver({ devices, releases: [RELEASE], software: [PREVIOUS] });

test('a device is what it tells, whatever the server remembers: one that went back by itself has not changed', async () => {
  const attributes = { 'ota.digest': PREVIOUS.digest! };
  const driver = driverOf([
    { id: 'a', installed: PREVIOUS },
    { id: 'b', installed: NEW, attributes },
    { id: 'c', installed: null, attributes },
  ]);
  expect(await checkDrift(PLAN, driver)).toMatchObject({ updated: [], changed: [], percent: 0 });
});

test('devices that the target excludes are not new, and those it chooses no more are gone', async () => {
  const target = { ...PLAN.target, where: 'tag==meter', exclude: 'group==lab' };
  const devices = ['a', 'b', 'new'].map((id) => ({ id, installed: PREVIOUS, tags: ['meter'] }));
  const driver = driverOf([
    ...devices,
    { id: 'c', installed: PREVIOUS, tags: [] },
    { id: 'lab', installed: PREVIOUS, tags: ['meter'], group: 'lab' },
  ]);
  expect(await checkDrift({ ...PLAN, target }, driver)).toMatchObject({ appeared: ['new'], gone: ['c'] });
});
