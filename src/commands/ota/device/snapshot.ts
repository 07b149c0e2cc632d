import { join } from 'node:path';
import { Flags } from '@oclif/core';
import { changeDevice } from '../../../cli/change-device.js';
import { deviceArg } from '../../../cli/device-folder.js';
import { writeFileAtomically } from '../../../lib/core/atomic-file.js';
import { type Snapshot, takeSnapshot } from '../../../lib/device/snapshot.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { deviceSnapshotText } from '../../../lib/ui/device-text.js';
import { dryRunFlag, forceFlag } from '../../../lib/ui/flags.js';

/** What `ota device snapshot --json` prints. */
export interface DeviceSnapshotReport {
  device: string;
  dryRun: boolean;
  /** Where the state stands. */
  file: string;
  state: Snapshot['state'];
}

export default class DeviceSnapshot extends BaseCommand {
  static override summary = 'Keep what a device tells about itself, as a file that policy can be tried on.';

  static override description =
    'The file is a device state: `ota explain --device FILE` and `ota verify --device FILE` judge packages by it, on ' +
    'any machine. The device keeps its newest 16; with --out the file goes elsewhere and the device is not changed.\n\n' +
    'Exits 5 when the state of the device is lost, 6 when the file cannot be written, 8 when it exists or the device ' +
    'is in use.';

  static override examples = [
    {
      description: 'Ask on the build machine what this device would say to a release:',
      command: '<%= config.bin %> <%= command.id %> hub --out oldest-device.json',
    },
    {
      description: 'Keep one in the device, and say why:',
      command: '<%= config.bin %> <%= command.id %> hub --reason "before the field test"',
    },
  ];

  static override args = { device: deviceArg };

  static override flags = {
    out: Flags.file({
      char: 'o',
      summary: 'Where the state goes [default: snapshot.N.json in the device].',
      helpValue: 'FILE',
    }),
    reason: Flags.string({ summary: 'Why it was taken.', helpValue: 'TEXT', default: 'by hand' }),
    force: forceFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<DeviceSnapshotReport> {
    const { args, flags } = await this.parse(DeviceSnapshot);
    const { signal } = this;
    const { out, reason, force, 'dry-run': dryRun } = flags;
    const { file, state } = await changeDevice(
      args.device,
      // A state that goes elsewhere leaves no trace in the device.
      { dryRun: dryRun || out !== undefined, signal },
      (machine) => takeSnapshot(machine, { name: args.device, reason }),
    );
    if (out !== undefined && !dryRun) {
      await writeFileAtomically(out, Buffer.from(`${JSON.stringify(state, null, 2)}\n`), { force, signal });
    }
    const report = { device: args.device, dryRun, file: out ?? join(args.device, file), state };
    this.print(deviceSnapshotText(report));
    return report;
  }
}
