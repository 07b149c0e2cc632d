import { Args, Flags } from '@oclif/core';
import { chosenDevices, confirmDevices, deviceChoiceFlags } from '../../../cli/device-choice.js';
import { fleetSessionFlags, openFleetSession } from '../../../cli/fleet-session.js';
import { OtaError } from '../../../lib/core/errors.js';
import { removeDevice, removeDevices, showDevice } from '../../../lib/fleet-api/devices-client.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { devicesCount } from '../../../lib/ui/devices-text.js';
import { dryRunFlag } from '../../../lib/ui/flags.js';

export default class DevicesRemove extends BaseCommand {
  static override strict = false;

  static override summary = 'Make the server forget devices, with their updates and their tokens.';

  static override description =
    'Asks first; where nobody can answer it needs --yes. With --where or --filter it tells how many devices that are, and ' +
    'if they are no longer as many when it happens, nothing happens. Of several devices that are named, none is removed if ' +
    'one of them is not known. There is no way back.\n\n' +
    'Exits 2 for wrong usage, 7 when the server does not answer, 8 when the devices changed meanwhile, 15 when you are not ' +
    'logged in or may not, 16 when there is no such device, 130 when the answer was no.';

  static override examples = [
    { description: 'Two devices:', command: '<%= config.bin %> <%= command.id %> truck-7 truck-8' },
    {
      description: 'How many would that be?',
      command: "<%= config.bin %> <%= command.id %> --where seen=never --where 'id=test-*' --dry-run",
    },
  ];

  static override args = { id: Args.string({ description: 'Names of the devices.' }) };

  static override flags = {
    ...deviceChoiceFlags,
    yes: Flags.boolean({ summary: 'Do not ask.', char: 'y' }),
    'dry-run': dryRunFlag,
    ...fleetSessionFlags,
  };

  async run(): Promise<object> {
    const { argv, flags } = await this.parse(DevicesRemove);
    const ids = [...new Set(argv as string[])];
    const { yes, 'dry-run': dryRun } = flags;
    const where = chosenDevices(flags);
    if ((ids.length === 0) === (where === undefined)) {
      throw new OtaError('USAGE', 'name either devices or conditions with --where or --filter');
    }
    const session = await openFleetSession(flags, { environment: process.env, signal: this.signal });
    await using client = session.client;
    const devices = where === undefined ? ids.length : await chosen(where);
    if (where === undefined) for (const id of ids) await showDevice(client, id, this.signal);
    if (!dryRun && devices > 0) {
      const what = ids.length === 1 ? ids[0]! : devicesCount(devices);
      await confirmDevices(`Remove ${what} for good?`, { yes, signal: this.signal });
      if (where === undefined) for (const id of ids) await removeDevice(client, id, this.signal);
      else await removeDevices(client, { where, expect: devices }, this.signal);
    }
    this.print(`${dryRun ? 'Would remove' : 'Removed'} ${devicesCount(devices)}`);
    return { dryRun, devices };

    async function chosen(filter: string): Promise<number> {
      return (await removeDevices(client, { where: filter, expect: 0, dryRun: true })).devices;
    }
  }
}
