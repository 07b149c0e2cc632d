import { Args, Flags } from '@oclif/core';
import { keyValues } from '../../../cli/device-change-flags.js';
import { chosenDevices, confirmDevices, deviceChoiceFlags } from '../../../cli/device-choice.js';
import { fleetSessionFlags, openFleetSession } from '../../../cli/fleet-session.js';
import { OtaError } from '../../../lib/core/errors.js';
import { checkSchema } from '../../../lib/core/schema.js';
import { changeDevice, changeDevices, showDevice } from '../../../lib/fleet-api/devices-client.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { devicesCount } from '../../../lib/ui/devices-text.js';
import { dryRunFlag } from '../../../lib/ui/flags.js';
import { type DeviceChange, deviceChange } from '../../../lib/wire/devices.js';

export default class DevicesSet extends BaseCommand {
  static override summary = 'Change what is noted about a device, or about all that conditions choose.';

  static override description =
    'An empty value takes a group or a note away: --group "" or --metadata site=. With --where or --filter it tells how ' +
    'many devices that are and asks first; where nobody can answer it needs --yes. If they are no longer as many when it ' +
    'happens, nothing happens.\n\n' +
    'Exits 2 for wrong usage, 7 when the server does not answer, 8 when the devices changed meanwhile, 15 when you are not ' +
    'logged in or may not, 16 when there is no such device, 130 when the answer was no.';

  static override examples = [
    {
      description: 'One device:',
      command: '<%= config.bin %> <%= command.id %> truck-7 --tag canary --metadata site=north',
    },
    {
      description: 'Many, in a script:',
      command: '<%= config.bin %> <%= command.id %> --where model=x --untag canary --yes',
    },
  ];

  static override args = { id: Args.string({ description: 'Name of the device.' }) };

  static override flags = {
    ...deviceChoiceFlags,
    name: Flags.string({ summary: 'What people call it.', helpValue: 'NAME' }),
    group: Flags.string({ summary: 'Group that it belongs to.', helpValue: 'NAME' }),
    tag: Flags.string({
      summary: 'Tag to add; may be given several times.',
      helpValue: 'TAG',
      multiple: true,
      multipleNonGreedy: true,
    }),
    untag: Flags.string({ summary: 'Tag to take away.', helpValue: 'TAG', multiple: true, multipleNonGreedy: true }),
    metadata: Flags.string({
      summary: 'Note about it.',
      helpValue: 'KEY=VALUE',
      multiple: true,
      multipleNonGreedy: true,
    }),
    yes: Flags.boolean({ summary: 'Do not ask.', char: 'y' }),
    'dry-run': dryRunFlag,
    ...fleetSessionFlags,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(DevicesSet);
    const dryRun = flags['dry-run'];
    const where = chosenDevices(flags);
    if ((args.id === undefined) === (where === undefined)) {
      throw new OtaError('USAGE', 'name either one device or conditions with --where or --filter');
    }
    const change = changeOf(flags);
    const session = await openFleetSession(flags, { environment: process.env, signal: this.signal });
    await using client = session.client;
    if (args.id !== undefined) {
      const device = await (dryRun
        ? showDevice(client, args.id, this.signal)
        : changeDevice(client, args.id, change, this.signal));
      this.print(`${dryRun ? 'Would change' : 'Changed'} ${device.id}`);
      return { dryRun, devices: 1 };
    }
    const { devices } = await changeDevices(client, { where: where!, expect: 0, dryRun: true }, change, this.signal);
    if (!dryRun && devices > 0) {
      await confirmDevices(`Change ${devicesCount(devices)}?`, { yes: flags.yes, signal: this.signal });
      await changeDevices(client, { where: where!, expect: devices }, change, this.signal);
    }
    this.print(`${dryRun ? 'Would change' : 'Changed'} ${devicesCount(devices)}`);
    return { dryRun, devices };
  }
}

function changeOf(flags: {
  name?: string | undefined;
  group?: string | undefined;
  tag?: string[] | undefined;
  untag?: string[] | undefined;
  metadata?: string[] | undefined;
}): DeviceChange {
  const { name, group, tag, untag } = flags;
  const metadata = Object.entries(keyValues('metadata', flags.metadata)).map(([key, value]) => [key, value || null]);
  const change = {
    ...(name !== undefined && { name }),
    ...(group !== undefined && { group: group || null }),
    ...((tag || untag) && { tags: { ...(tag && { add: tag }), ...(untag && { remove: untag }) } }),
    ...(metadata.length > 0 && { metadata: Object.fromEntries(metadata) }),
  };
  if (Object.keys(change).length === 0) {
    throw new OtaError('USAGE', 'there is nothing to change', ['Give --name, --group, --tag, --untag or --metadata.']);
  }
  return checkSchema(deviceChange, change, { code: 'USAGE', name: 'change' });
}
