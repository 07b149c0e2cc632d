import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OtaError } from '../../src/lib/core/errors.js';
import { bootDevice } from '../../src/lib/device/boot.js';
import { confirmTrial } from '../../src/lib/device/confirm.js';
import { openDevice } from '../../src/lib/device/device.js';
import { openNodeMachine } from '../../src/lib/device/node-machine.js';
import type { ReleaseName, Releases } from './device-states.js';

/** Boots what is to boot, and confirms it if it is on trial. */
export async function settle(name: string): Promise<void> {
  await using machine = await openNodeMachine(name);
  const { booted } = await bootDevice(machine, { name });
  if (booted.onTrial) await confirmTrial(machine, { name });
}

/** Boots a device and compares what it boots with both releases, byte by byte. */
export async function bootedRelease(device: string, releases: Releases): Promise<ReleaseName | 'mixed' | 'unbootable'> {
  await using machine = await openNodeMachine(device);
  const report = await bootDevice(machine, { name: device }).catch((error: unknown) => {
    if (error instanceof OtaError) return undefined;
    throw error;
  });
  if (report === undefined) return 'unbootable';
  const { layout, control } = await openDevice(machine, device);
  const { slots } = report.booted.onTrial ? control.current.trial! : control.current.active;
  const found = new Set<ReleaseName | undefined>();
  for (const [component, { slots: bootable }] of Object.entries(layout.components)) {
    const slot = slots[component]!;
    const flash = await readFile(join(device, `${component}.${slot}.image`)).catch(() => Buffer.alloc(0));
    const holds = (name: ReleaseName) => {
      const image = releases[name][component]!;
      return flash.subarray(0, image.length).equals(image);
    };
    found.add(bootable.includes(slot) ? (['old', 'new'] as const).find(holds) : undefined);
  }
  const [release] = found;
  return found.size === 1 && release !== undefined ? release : 'mixed';
}
