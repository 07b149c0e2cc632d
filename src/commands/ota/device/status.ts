import { deviceArg } from '../../../cli/device-folder.js';
import { openDevice } from '../../../lib/device/device.js';
import { type DeviceStatus, deviceStatus } from '../../../lib/device/device-status.js';
import { openNodeMachine } from '../../../lib/device/node-machine.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { deviceStatusText } from '../../../lib/ui/device-text.js';

export default class DeviceStatusCommand extends BaseCommand {
  static override summary = 'Show what a device boots, what is on trial, and what each slot holds.';

  static override description =
    'Also its counters, time floor and trust root, a download that was interrupted, and the last release it gave up, ' +
    'with the reason. Writes nothing and needs no lock.\n\n' +
    'Exits 5 when the state is lost, damaged or older than its monotonic counter, 16 when the folder does not exist.';

  static override examples = [
    { description: 'What happens at the next boot:', command: '<%= config.bin %> <%= command.id %> hub' },
    {
      description: 'Wait in a script until an update has proven itself:',
      command: "<%= config.bin %> <%= command.id %> hub --json | jq -e '.trial == null'",
    },
  ];

  static override args = { device: deviceArg };

  async run(): Promise<DeviceStatus> {
    const { args } = await this.parse(DeviceStatusCommand);
    await using machine = await openNodeMachine(args.device);
    const status = await deviceStatus(await openDevice(machine, args.device));
    this.print(await deviceStatusText(status));
    return status;
  }
}
