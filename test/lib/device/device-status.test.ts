import { expect, test } from 'vitest';
import { openDevice } from '../../../src/lib/device/device.js';
import { deviceStatus } from '../../../src/lib/device/device-status.js';
import { type DeviceLife, newDevice, randomImage, release } from '../../support/device-life.js';

async function appSlots(life: DeviceLife): Promise<Record<string, string>> {
  const { slots } = await deviceStatus(await openDevice(life.machine, 'device'));
  return Object.fromEntries(
    slots.filter(({ component }) => component === 'app').map(({ slot, state }) => [slot, state]),
  );
}

test('what was confirmed is a fallback until a security counter is stored that it does not reach', async () => {
  await using life = await newDevice();
  await life.update(await release(2, { app: randomImage(3000) }));
  expect(await appSlots(life)).toEqual({ a: 'fallback', b: 'running' });
  await life.install(await release(3, { app: randomImage(2000) }, { securityCounter: 5 }));
  await life.boot();
  expect(await appSlots(life)).toEqual({ a: 'trial', b: 'fallback' });
  await life.confirm();
  expect(await appSlots(life)).toEqual({ a: 'running', b: 'retired' });
});
