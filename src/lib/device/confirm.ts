import { OtaError } from '../core/errors.js';
import { confirmRefusal } from './boot-facts.js';
import { confirm } from './boot-machine.js';
import { settleQuietly } from './commit-step.js';
import { type Device, openDevice, settleDevice } from './device.js';
import type { Machine } from './machine.js';
import { damageIn, damageText } from './verify-set.js';

export interface ConfirmReport {
  release: string;
  version: string;
  /** Stored anti-rollback counter, from now on. */
  securityCounter: number;
  /** Whether that rose: what is below can never run here again. */
  counterRaised: boolean;
  intent: 'install' | 'rollback';
}

/**
 * Confirms the release on trial: it boots from now on, and nothing below its security counter does.
 *
 * @param request `name`: what to call the device in errors
 * @throws OtaError CONFIRM_REFUSED: nothing is on trial, it has not booted, it is too late, or an image is damaged; as `openDevice` and
 *   `DeviceFs`; as `MonotonicCounter` after it was confirmed: the next change raises the counter
 */
export async function confirmTrial(machine: Machine, { name }: { name: string }): Promise<ConfirmReport> {
  const device = await openDevice(machine, name);
  const before = device.control.current;
  const now = machine.clock.now();
  const refusal = confirmRefusal(before, now) ?? (await damageRefusal(device));
  if (refusal !== undefined) {
    throw new OtaError('CONFIRM_REFUSED', `${name}: nothing was confirmed: ${refusal}`, [
      'Run `ota device status` to see what runs and what is on trial.',
    ]);
  }
  const { intent, record } = before.trial!;
  await settleDevice(device);
  const inBoth = await device.control.commitToBoth(confirm(before, now));
  const { securityCounter, epoch } = device.control.current;
  // With one copy of this epoch only, damage to it would leave a device that its counter calls rolled back.
  if (inBoth) await machine.counter?.raise(epoch);
  await settleQuietly(device);
  return {
    release: record.digest,
    version: record.version,
    securityCounter,
    counterRaised: securityCounter > before.securityCounter,
    intent,
  };
}

/** What would not boot again must not raise the counter that keeps everything before it from booting. */
async function damageRefusal(device: Device): Promise<string | undefined> {
  const damages = await damageIn(device, device.control.current.trial!);
  return damages.length === 0 ? undefined : damageText(damages);
}
