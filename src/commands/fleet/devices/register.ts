import { Args, Flags } from '@oclif/core';
import { keyValues } from '../../../cli/device-change-flags.js';
import { isRefusal, newDeviceToken, writeTokens } from '../../../cli/device-tokens.js';
import { fleetSessionFlags, openFleetSession } from '../../../cli/fleet-session.js';
import { OtaError } from '../../../lib/core/errors.js';
import { checkSchema } from '../../../lib/core/schema.js';
import { registerDevices } from '../../../lib/fleet-api/devices-client.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { dryRunFlag, forceFlag } from '../../../lib/ui/flags.js';
import { canAsk } from '../../../lib/ui/terminal.js';
import { newDevice } from '../../../lib/wire/devices.js';

export default class DevicesRegister extends BaseCommand {
  static override summary = 'Make a device known to the server, with a token for it to log in with.';

  static override description =
    'The token goes to the file that --token-out names, or is shown once on a terminal; the server keeps only its hash. A ' +
    'device that logs in by certificate or through a gateway needs none: --no-token.\n\n' +
    'Exits 2 for wrong usage, 6 when the token cannot be written, 7 when the server does not answer, 8 when the device is ' +
    'known already or the file is there, 15 when you are not logged in or may not.';

  static override examples = [
    {
      description: 'A device on a desk:',
      command: '<%= config.bin %> <%= command.id %> truck-7 --tag canary --attribute model=x',
    },
    {
      description: 'In a script:',
      command: '<%= config.bin %> <%= command.id %> truck-7 --group north --token-out truck-7.token',
    },
  ];

  static override args = { id: Args.string({ description: 'Name of the device.', required: true }) };

  static override flags = {
    name: Flags.string({ summary: 'What people call it; the id by default.', helpValue: 'NAME' }),
    group: Flags.string({ summary: 'Group that it belongs to.', helpValue: 'NAME' }),
    tag: Flags.string({
      summary: 'Tag; may be given several times.',
      helpValue: 'TAG',
      multiple: true,
      multipleNonGreedy: true,
    }),
    attribute: Flags.string({
      summary: 'What the device is, until it tells itself.',
      helpValue: 'KEY=VALUE',
      multiple: true,
      multipleNonGreedy: true,
    }),
    metadata: Flags.string({
      summary: 'Note about it.',
      helpValue: 'KEY=VALUE',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'token-out': Flags.file({ summary: 'Write the token here (0600).', helpValue: 'FILE', exclusive: ['no-token'] }),
    'no-token': Flags.boolean({ summary: 'It needs no token.', exclusive: ['token-out'] }),
    force: forceFlag,
    'dry-run': dryRunFlag,
    ...fleetSessionFlags,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(DevicesRegister);
    const { 'token-out': tokenOut, 'dry-run': dryRun } = flags;
    const showsToken = tokenOut === undefined && !flags['no-token'] && !dryRun;
    if (showsToken && (this.jsonEnabled() || !canAsk(process.env))) {
      throw new OtaError('USAGE', 'there is no terminal to show the token on', ['Add --token-out FILE or --no-token.']);
    }
    const token = flags['no-token'] ? null : newDeviceToken();
    const wanted = {
      ...{ id: args.id, token },
      ...(flags.name !== undefined && { name: flags.name }),
      ...(flags.group !== undefined && { group: flags.group }),
      ...(flags.tag && { tags: flags.tag }),
      ...(flags.attribute && { attributes: keyValues('attribute', flags.attribute) }),
      ...(flags.metadata && { metadata: keyValues('metadata', flags.metadata) }),
    };
    const device = checkSchema(newDevice, wanted, { code: 'USAGE', name: 'device' });
    const session = await openFleetSession(flags, { environment: process.env, signal: this.signal });
    await using client = session.client;
    if (dryRun) {
      const { conflicts } = await registerDevices(client, [device], { dryRun }, this.signal);
      if (conflicts > 0) throw new OtaError('CONFLICT', `the device ${args.id} is known already`);
    } else {
      const options = { force: flags.force, signal: this.signal };
      await using file = tokenOut === undefined ? undefined : await writeTokens(tokenOut, `${token}\n`, options);
      await registerDevices(client, [device], {}, this.signal).catch(async (error: unknown) => {
        // The server may know the device by now, and nobody else would have its token.
        if (!isRefusal(error)) await file?.commit();
        throw error;
      });
      await file?.commit();
      if (showsToken) process.stderr.write(`Token of the device, shown this once: ${token}\n`);
    }
    this.print(`${dryRun ? 'Would register' : 'Registered'} ${args.id}`);
    return { id: args.id, dryRun, tokenFile: dryRun ? null : (tokenOut ?? null) };
  }
}
