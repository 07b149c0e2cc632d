import { deviceArg } from '../../../cli/device-folder.js';
import { openDevice } from '../../../lib/device/device.js';
import type { LoggedEvent } from '../../../lib/device/event-log.js';
import { readHistory } from '../../../lib/device/history.js';
import { openNodeMachine } from '../../../lib/device/node-machine.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { deviceHistoryText } from '../../../lib/ui/device-text.js';

/** What `ota device history --json` prints. */
export interface DeviceHistoryReport {
  device: string;
  /** Oldest first. */
  events: LoggedEvent[];
}

export default class DeviceHistory extends BaseCommand {
  static override summary = 'Show what happened to a device: every change of what it boots, with the reason.';

  static override description =
    'Reads the event log, oldest first; the device drops the older half when it grows beyond 1 MiB. Writes nothing.\n\n' +
    'Exits 5 when the state of the device is lost, 16 when the folder does not exist.';

  static override examples = [
    { description: 'All of it:', command: '<%= config.bin %> <%= command.id %> hub' },
    {
      description: 'Releases that were given up, for a script:',
      command:
        '<%= config.bin %> <%= command.id %> hub --json | jq -r \'.events[] | select(.type == "reverted") | .version\'',
    },
  ];

  static override args = { device: deviceArg };

  async run(): Promise<DeviceHistoryReport> {
    const { args } = await this.parse(DeviceHistory);
    await using machine = await openNodeMachine(args.device);
    const report = { device: args.device, events: await readHistory(await openDevice(machine, args.device)) };
    this.print(deviceHistoryText(report));
    return report;
  }
}
