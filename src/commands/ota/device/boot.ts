import { Flags } from '@oclif/core';
import { changeDevice } from '../../../cli/change-device.js';
import { deviceArg } from '../../../cli/device-folder.js';
import { OtaError } from '../../../lib/core/errors.js';
import { type BootReport, bootDevice } from '../../../lib/device/boot.js';
import { openDevice } from '../../../lib/device/device.js';
import { type DeviceStatus, deviceStatus } from '../../../lib/device/device-status.js';
import type { Machine } from '../../../lib/device/machine.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { deviceBootText } from '../../../lib/ui/device-text.js';
import { dryRunFlag } from '../../../lib/ui/flags.js';

/** What `ota device boot --json` prints. */
export interface DeviceBootReport extends BootReport {
  device: string;
  dryRun: boolean;
  /** How the device stands afterwards. Absent where that cannot be told: it has booted all the same. */
  status?: DeviceStatus;
}

export default class DeviceBoot extends BaseCommand {
  static override summary = 'Boot a device once, with firmware that runs, fails or hangs.';

  static override description =
    'Does what its boot loader does: finishes an exchange of images, counts a boot attempt of a release on trial ' +
    'before it starts, gives that up when no attempt or time is left, hashes every image, and starts it. A damaged ' +
    'image never starts. What then runs behaves as you say: it works, it resets (--fail), or it hangs until the ' +
    'watchdog ends it (--hang), which ends a trial too.\n\n' +
    'Exits 0 when something has booted, also firmware that failed as told; 5 when the state is lost or older than ' +
    'the monotonic counter, 6 when no release is whole or an exchange of images cannot be written, 8 when the device is in use.';

  static override examples = [
    { description: 'Start what was installed:', command: '<%= config.bin %> <%= command.id %> hub' },
    {
      description: 'Firmware that never comes up: how often until the device goes back?',
      command: '<%= config.bin %> <%= command.id %> hub --fail',
    },
  ];

  static override args = { device: deviceArg };

  static override flags = {
    fail: Flags.boolean({ summary: 'The firmware resets instead of running.', default: false, exclusive: ['hang'] }),
    hang: Flags.boolean({ summary: 'The firmware hangs until the watchdog ends it.', default: false }),
    'dry-run': dryRunFlag,
  };

  async run(): Promise<DeviceBootReport> {
    const { args, flags } = await this.parse(DeviceBoot);
    const { signal } = this;
    const dryRun = flags['dry-run'];
    const name = args.device;
    const behaviour = flags.fail ? 'fails' : flags.hang ? 'hangs' : 'good';
    const report = await changeDevice(name, { dryRun, signal, evenFrozen: true }, async (machine) => {
      const booted = await bootDevice(machine, { name, behaviourOf: () => behaviour });
      const status = await this.#statusOf(machine, name);
      return { device: name, dryRun, ...booted, ...(status && { status }) };
    });
    this.print(deviceBootText(report));
    return report;
  }

  /** A boot that has happened, and may have cost an attempt, is no failure because something else is damaged. */
  async #statusOf(machine: Machine, name: string): Promise<DeviceStatus | undefined> {
    try {
      return await deviceStatus(await openDevice(machine, name));
    } catch (error) {
      if (!(error instanceof OtaError)) throw error;
      this.warnUser(`${error.message}; the device boots, but takes no package until that is mended`);
      return undefined;
    }
  }
}
