import { beforeAll, describe, expect, it } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import { bootDevice } from '../../../src/lib/device/boot.js';
import { confirmTrial } from '../../../src/lib/device/confirm.js';
import { initDevice } from '../../../src/lib/device/init.js';
import { installPackage } from '../../../src/lib/device/install.js';
import type { Machine } from '../../../src/lib/device/machine.js';
import { openForDevice, type PackageForDevice } from '../../../src/lib/device/package-for-device.js';
import { rollbackDevice } from '../../../src/lib/device/rollback.js';
import { type DiskState, EMPTY_STATE, poweredUp } from '../../../src/lib/simulate/disk.js';
import type { DiskFault, PlannedFault } from '../../../src/lib/simulate/faults.js';
import { SimulatedFs } from '../../../src/lib/simulate/simulated-fs.js';
import { smallLayout } from '../../support/boot-control.js';
import { deviceClock, initSpec } from '../../support/device.js';
import { randomImage, release, runs } from '../../support/device-life.js';

const name = 'the device';
const images = { app: randomImage(300), modem: randomImage(300) };

function machineOn(state: DiskState, fault?: PlannedFault): Machine & { fs: SimulatedFs } {
  const fs = new SimulatedFs(poweredUp(state), { geometry: smallLayout, ...(fault && { fault }) });
  return { fs, clock: deviceClock };
}

let factory: DiskState;
let second: PackageForDevice;
beforeAll(async () => {
  const machine = machineOn(EMPTY_STATE);
  await initDevice(machine, await initSpec());
  factory = machine.fs.disk.view;
  second = await openForDevice(machine, name, memoryAccess(await release(2, images), 'second.ota'));
});

const steps: Record<string, (machine: Machine) => Promise<unknown>> = {
  install: (machine) => installPackage(machine, { name, package: second }),
  boot: (machine) => bootDevice(machine, { name }),
  confirm: (machine) => confirmTrial(machine, { name }),
  rollback: (machine) => rollbackDevice(machine, { name }),
};
const order = ['install', 'boot', 'confirm', 'rollback', 'boot', 'confirm'];

/** Goes on with a life as its device tells, until the release before is back by wish. */
async function live(machine: Machine, from: number): Promise<void> {
  for (const step of order.slice(from)) {
    await steps[step]!(machine).catch((error: unknown) => {
      // What was done already, although the disk failed afterwards, cannot be done twice.
      if (!(error instanceof OtaError) || !['CONFIRM_REFUSED', 'UPDATE_PENDING'].includes(error.code)) throw error;
    });
  }
}

describe('a disk that fails at any operation of any step', () => {
  it.each<DiskFault>(['no-space', 'io-error-lasting'])(
    'with %s leaves a device that boots a whole set and comes to its end later',
    async (fault) => {
      let state = factory;
      for (const [index, step] of order.entries()) {
        const undisturbed = machineOn(state);
        await steps[step]!(undisturbed);
        for (let operation = 0; operation < undisturbed.fs.operationCount; operation++) {
          const where = `${step}, operation ${operation}`;
          const machine = machineOn(state, { operation, fault });
          const failure = await steps[step]!(machine).then(
            () => undefined,
            (error: unknown) => error,
          );
          expect(machine.fs.faultHappened, where).toBe(true);
          if (failure !== undefined) expect(failure, where).toMatchObject({ exitCode: 6 });
          const after = machineOn(machine.fs.disk.view);
          const { booted } = await bootDevice(after, { name });
          expect([runs(), runs(images)], where).toContainEqual(booted.images);
          const later = machineOn(machine.fs.disk.view);
          await live(later, index);
          const { booted: last } = await bootDevice(later, { name });
          expect(last, where).toMatchObject({ version: '1.0.0', onTrial: false, images: runs() });
        }
        state = undisturbed.fs.disk.view;
      }
    },
  );
});
