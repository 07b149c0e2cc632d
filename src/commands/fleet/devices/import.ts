import { buffer } from 'node:stream/consumers';
import { Args, Flags } from '@oclif/core';
import { isRefusal, newDeviceToken, tokensCsv, writeTokens } from '../../../cli/device-tokens.js';
import { fleetSessionFlags, openFleetSession } from '../../../cli/fleet-session.js';
import { untilAborted } from '../../../lib/core/abort.js';
import { OtaError } from '../../../lib/core/errors.js';
import { readBounded } from '../../../lib/core/file-access.js';
import { registerDevices } from '../../../lib/fleet-api/devices-client.js';
import type { FleetClient } from '../../../lib/fleet-api/fleet-client.js';
import { type DeviceFileFormat, readDeviceFile } from '../../../lib/fleet-api/read-device-file.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { devicesCount } from '../../../lib/ui/devices-text.js';
import { dryRunFlag, forceFlag } from '../../../lib/ui/flags.js';
import { MAX_DEVICES_AT_ONCE, type NewDeviceJson, type RegisterOutcome } from '../../../lib/wire/devices.js';

const MAX_FILE_BYTES = 256 * 1024 ** 2;

export default class DevicesImport extends BaseCommand {
  static override summary = 'Register many devices from a CSV or NDJSON file.';

  static override description =
    'CSV has a header row with any of id, name, description, address, group, tags, token, attribute.KEY and metadata.KEY; ' +
    'an empty cell says nothing, tags are parted by blanks or ";". NDJSON has an object like ' +
    '{"id":"truck-7","tags":["eu"],"attributes":{"model":"x"}} a line.\n\n' +
    `All devices of the file are registered or none, up to ${MAX_DEVICES_AT_ONCE.toLocaleString('en-US')} of them; with ` +
    '--partial devices that are known are left out, and more may come. With --update known devices are changed: what the ' +
    'file says replaces what was there, and their tokens stay unless the file has one. New devices without a token in the ' +
    'file get one, which goes to --tokens-out before the server learns of it; or none, with --no-tokens.\n\n' +
    'Exits 2 for wrong usage, 4 for a file that is wrong, with line and column, 6 when files cannot be read or written, 7 ' +
    'when the server does not answer, 8 when devices are known already, 9 when there are too many, 15 when you are not ' +
    'logged in or may not.';

  static override examples = [
    {
      description: 'What would happen?',
      command: '<%= config.bin %> <%= command.id %> devices.csv --dry-run',
    },
    {
      description: 'Register what is new, change what is known:',
      command: '<%= config.bin %> <%= command.id %> devices.csv --update --tokens-out tokens.csv',
    },
  ];

  static override args = { file: Args.string({ description: 'CSV or NDJSON file, or - for stdin.', required: true }) };

  static override flags = {
    format: Flags.string({
      summary: "What the file is; by default by its name's ending.",
      options: ['csv', 'ndjson'],
    }),
    update: Flags.boolean({ summary: 'Change devices that are known.', exclusive: ['partial'] }),
    partial: Flags.boolean({ summary: 'Leave devices out that are known.', exclusive: ['update'] }),
    'tokens-out': Flags.file({
      summary: 'Write the tokens of new devices here, as CSV (0600).',
      helpValue: 'FILE',
      exclusive: ['no-tokens'],
    }),
    'no-tokens': Flags.boolean({
      summary: 'New devices need no token: they log in by certificate or through a gateway.',
      exclusive: ['tokens-out'],
    }),
    force: forceFlag,
    'dry-run': dryRunFlag,
    ...fleetSessionFlags,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(DevicesImport);
    const { update, partial, 'dry-run': dryRun, 'tokens-out': tokensOut, 'no-tokens': noTokens } = flags;
    const name = args.file === '-' ? 'stdin' : args.file;
    const format = (flags.format as DeviceFileFormat | undefined) ?? formatOf(args.file);
    const devices = readDeviceFile(await this.#read(args.file), name, format);
    if (devices.length > MAX_DEVICES_AT_ONCE && !partial) {
      throw new OtaError(
        'LIMIT_EXCEEDED',
        `${name} lists ${devicesCount(devices.length)}, at most ${MAX_DEVICES_AT_ONCE} are registered at once`,
        ['Add --partial to send them in several requests, or part the file.'],
      );
    }
    const session = await openFleetSession(flags, { environment: process.env, signal: this.signal });
    await using client = session.client;
    const planned = await this.#send(client, 'Checking', devices, { update, partial, dryRun: true });
    const conflicts = devices.filter(({ id }) => planned.get(id) === 'conflict');
    if (conflicts.length > 0 && !partial) throw known(conflicts);
    const wanted = devices.filter(({ id }) => planned.get(id) !== 'conflict');
    const tokens = new Map<string, string>();
    const ready = wanted.map((device) => {
      if (planned.get(device.id) !== 'created' || device.token !== undefined) return device;
      if (noTokens) return { ...device, token: null };
      const token = newDeviceToken();
      tokens.set(device.id, token);
      return { ...device, token };
    });
    let outcomes: ReadonlyMap<string, RegisterOutcome> = planned;
    if (!dryRun) {
      if (tokens.size > 0 && tokensOut === undefined) {
        throw new OtaError('USAGE', `${devicesCount(tokens.size)} need tokens, and there is no place for them`, [
          'Add --tokens-out FILE; or --no-tokens, if they log in by certificate or through a gateway.',
        ]);
      }
      const options = { force: flags.force, signal: this.signal };
      await using file = tokens.size === 0 ? undefined : await writeTokens(tokensOut!, tokensCsv(tokens), options);
      let isBegun = false;
      const onSent = () => {
        isBegun = true;
      };
      const sent = await this.#send(client, 'Registering', ready, { update, partial }, onSent).catch(
        async (error: unknown) => {
          // The server may know some devices by now, and nobody else would have their tokens.
          if (isBegun || !isRefusal(error)) await file?.commit();
          throw error;
        },
      );
      await file?.commit();
      const lost = [...tokens.keys()].filter((id) => sent.get(id) !== 'created').length;
      if (lost > 0 && partial) this.warnUser(`${devicesCount(lost)} became known meanwhile: their tokens are not good`);
      outcomes = new Map([...planned, ...sent]);
    }
    const count = (outcome: RegisterOutcome) => devices.filter(({ id }) => outcomes.get(id) === outcome).length;
    const result = { created: count('created'), updated: count('updated'), conflicts: count('conflict') };
    this.print(summaryText(result, dryRun));
    return { file: name, dryRun, ...result, tokensFile: !dryRun && tokens.size > 0 ? tokensOut! : null };
  }

  async #read(path: string): Promise<Buffer> {
    if (path !== '-') return readBounded(path, MAX_FILE_BYTES, 'list of devices');
    return buffer(untilAborted<Buffer>(process.stdin, this.signal));
  }

  /** Sends devices, in several requests if they are many. @returns what became of each */
  async #send(
    client: FleetClient,
    label: string,
    devices: readonly NewDeviceJson[],
    request: { update: boolean; partial: boolean; dryRun?: boolean },
    onSent: () => void = () => {},
  ): Promise<Map<string, RegisterOutcome>> {
    const outcomes = new Map<string, RegisterOutcome>();
    const progress = this.progress(label, { total: devices.length });
    for (let from = 0; from < devices.length; from += MAX_DEVICES_AT_ONCE) {
      const part = devices.slice(from, from + MAX_DEVICES_AT_ONCE);
      const result = await registerDevices(client, part, request, this.signal);
      onSent();
      for (const { id, outcome } of result.devices) outcomes.set(id, outcome);
      progress.update(outcomes.size);
    }
    progress.done();
    return outcomes;
  }
}

function formatOf(path: string): DeviceFileFormat {
  if (/\.csv$/i.test(path)) return 'csv';
  if (/\.(nd)?jsonl?$/i.test(path)) return 'ndjson';
  throw new OtaError('USAGE', 'the name does not tell whether this is CSV or NDJSON', [
    'Add --format csv or --format ndjson.',
  ]);
}

function known(conflicts: readonly NewDeviceJson[]): OtaError {
  const [first, ...others] = conflicts;
  const fact =
    others.length === 0
      ? `${first!.id} is known already`
      : `${first!.id} and ${devicesCount(others.length)} more are known already`;
  return new OtaError('CONFLICT', `${fact}; nothing was registered`, [
    'Add --update to change them, or --partial to leave them out.',
  ]);
}

function summaryText(result: { created: number; updated: number; conflicts: number }, dryRun: boolean): string {
  const parts = [
    `${dryRun ? 'would register' : 'registered'} ${devicesCount(result.created)}`,
    ...(result.updated > 0 ? [`${dryRun ? 'change' : 'changed'} ${result.updated.toLocaleString('en-US')}`] : []),
    ...(result.conflicts > 0
      ? [`${dryRun ? 'leave out' : 'left out'} ${result.conflicts.toLocaleString('en-US')} that are known`]
      : []),
  ].join(', ');
  return `${parts[0]!.toUpperCase()}${parts.slice(1)}`;
}
