import { bootDevice } from '../device/boot.js';
import { contentOf } from '../device/boot-facts.js';
import { confirmTrial } from '../device/confirm.js';
import { openDevice } from '../device/device.js';
import { deviceStateOf } from '../device/device-state-of.js';
import { readEventLog } from '../device/event-log.js';
import { installPackage } from '../device/install.js';
import type { Machine } from '../device/machine.js';
import { openForDevice } from '../device/package-for-device.js';
import { consume, receiveFrom } from '../device/receive.js';
import { rollbackDevice } from '../device/rollback.js';
import { slotImageFile } from '../device/slot-access.js';
import type { Delivery, Updater } from './updater.js';

const NAME = 'device';

/** The updater of this program, by the calls that its commands make. */
export const realUpdater: Updater = {
  async boot(machine, behaviourOf) {
    const { booted } = await bootDevice(machine, { name: NAME, behaviourOf });
    const { current } = (await openDevice(machine, NAME)).control;
    const set = booted.onTrial ? current.trial! : current.active;
    const images = Object.entries(set.slots).map(([component, slot]) => {
      return [component, { file: slotImageFile(component, slot), size: contentOf(current, component, slot)!.size }];
    });
    return { release: booted.release, images: Object.fromEntries(images), onTrial: booted.onTrial };
  },
  async download(machine, delivery) {
    await receive(machine, delivery);
  },
  async install(machine, delivery) {
    await consume(await receive(machine, delivery), async (data) => {
      await installPackage(machine, { name: NAME, package: await openForDevice(machine, NAME, data) });
    });
  },
  async confirm(machine) {
    await confirmTrial(machine, { name: NAME });
  },
  async rollback(machine) {
    await rollbackDevice(machine, { name: NAME });
  },
  async facts(machine) {
    const device = await openDevice(machine, NAME);
    const { running, securityCounter } = await deviceStateOf(device);
    const { sequence } = device.control.current;
    return { confirmed: running!.digest, securityCounter, sequence, events: await readEventLog(machine.fs) };
  },
};

async function receive(machine: Machine, { data, onFetched }: Delivery) {
  const { layout } = await openDevice(machine, NAME);
  return await receiveFrom(machine, data, { roomBytes: layout.storageBytes, onFetched });
}
