import { changeDevice } from '../../../cli/change-device.js';
import { deviceArg } from '../../../cli/device-folder.js';
import { type ConfirmReport, confirmTrial } from '../../../lib/device/confirm.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { deviceConfirmText } from '../../../lib/ui/device-text.js';
import { dryRunFlag } from '../../../lib/ui/flags.js';

/** What `ota device confirm --json` prints. */
export interface DeviceConfirmReport extends ConfirmReport {
  device: string;
  dryRun: boolean;
}

export default class DeviceConfirm extends BaseCommand {
  static override summary = 'Confirm the release on trial: from now on the device boots it.';

  static override description =
    'The new firmware does this once it has found itself in order. Only here the security counter and the time floor ' +
    'of the release are stored; a higher counter cannot be taken back.\n\n' +
    'Exits 5 when nothing is on trial, it has not booted yet, or its time is over: the next boot then goes back. 6 ' +
    'when the device cannot be written, 8 when it is in use.';

  static override examples = [
    { description: 'After a boot that went well:', command: '<%= config.bin %> <%= command.id %> hub' },
    {
      description: 'Would it raise the security counter?',
      command: '<%= config.bin %> <%= command.id %> hub --dry-run --json | jq .counterRaised',
    },
  ];

  static override args = { device: deviceArg };

  static override flags = { 'dry-run': dryRunFlag };

  async run(): Promise<DeviceConfirmReport> {
    const { args, flags } = await this.parse(DeviceConfirm);
    const { signal } = this;
    const dryRun = flags['dry-run'];
    const confirmed = await changeDevice(args.device, { dryRun, signal }, (machine) =>
      confirmTrial(machine, { name: args.device }),
    );
    const report = { device: args.device, dryRun, ...confirmed };
    this.print(deviceConfirmText(report));
    return report;
  }
}
