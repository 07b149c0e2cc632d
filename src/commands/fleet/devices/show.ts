import { Args } from '@oclif/core';
import { fleetSessionFlags, openFleetSession } from '../../../cli/fleet-session.js';
import { showDevice } from '../../../lib/fleet-api/devices-client.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { deviceDetailText } from '../../../lib/ui/devices-text.js';

export default class DevicesShow extends BaseCommand {
  static override summary = 'Show everything the server knows of a device, with its newest updates.';

  static override description =
    'Attributes are what the device tells about itself; metadata and tags are what operators note about it.\n\n' +
    'Exits 2 for wrong usage, 7 when the server does not answer, 15 when you are not logged in or may not, 16 when there is ' +
    'no such device.';

  static override examples = [
    { description: 'For a person:', command: '<%= config.bin %> <%= command.id %> truck-7' },
    {
      description: 'For a script:',
      command: '<%= config.bin %> <%= command.id %> truck-7 --json | jq .installed.version',
    },
  ];

  static override args = { id: Args.string({ description: 'Name of the device.', required: true }) };
  static override flags = fleetSessionFlags;

  async run(): Promise<object> {
    const { args, flags } = await this.parse(DevicesShow);
    const session = await openFleetSession(flags, { environment: process.env, signal: this.signal });
    await using client = session.client;
    const device = await showDevice(client, args.id, this.signal);
    this.print(await deviceDetailText(device, Date.now()));
    return device;
  }
}
