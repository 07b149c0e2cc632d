import { Flags } from '@oclif/core';
import { chosenDevices, deviceChoiceFlags } from '../../../cli/device-choice.js';
import { fleetSessionFlags, openFleetSession } from '../../../cli/fleet-session.js';
import { type DeviceWatchOutput, watchDevices } from '../../../cli/watch-devices.js';
import { OtaError } from '../../../lib/core/errors.js';
import { type DeviceListQuery, listDevices } from '../../../lib/fleet-api/devices-client.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { csvLine } from '../../../lib/ui/csv-text.js';
import {
  DEFAULT_COLUMNS,
  type DeviceColumn,
  deviceColumns,
  deviceCsvLine,
  devicesCount,
  devicesText,
} from '../../../lib/ui/devices-text.js';
import { jsonText } from '../../../lib/ui/json-text.js';
import { writeOn } from '../../../lib/ui/streams.js';
import { isLiveTerminal, paint } from '../../../lib/ui/terminal.js';
import type { PartialDevice } from '../../../lib/wire/devices.js';

const SORTS: Readonly<Record<string, string>> = {
  id: 'id',
  name: 'name',
  group: 'group',
  status: 'updateStatus',
  seen: 'lastSeenAt',
  created: 'createdAt',
};
const DEFAULT_LIMIT = 100;

export default class DevicesList extends BaseCommand {
  static override summary = 'List devices: all, or those for which conditions hold.';

  static override description =
    'Conditions hold together: --where model=x --offline --version "<2.1" are the devices of model x that are offline and ' +
    'have a version below 2.1. docs/filters.md has them all. A list that does not fit says how many there are; --all and ' +
    '--limit show more.\n\n' +
    'With --watch the list is kept up to date on a terminal; elsewhere it goes on as NDJSON: {"type":"device",…} for each ' +
    'device as it is and whenever it has changed, {"type":"gone","id":…} when it is no longer among them.\n\n' +
    'Exits 2 for wrong usage, 7 when the server does not answer, 15 when you are not logged in or may not, 130 after Ctrl-C.';

  static override examples = [
    {
      description: 'What to look after first:',
      command: "<%= config.bin %> <%= command.id %> --offline --where 'seen>1d' --sort seen",
    },
    {
      description: 'A list for a spreadsheet:',
      command:
        "<%= config.bin %> <%= command.id %> --version '<2.1' --all --columns id,model,version,metadata.site --output csv > old.csv",
    },
  ];

  static override flags = {
    ...deviceChoiceFlags,
    online: Flags.boolean({ summary: 'Only devices that are online.', exclusive: ['offline'], helpGroup: 'DEVICES' }),
    offline: Flags.boolean({ summary: 'Only devices that are offline.', exclusive: ['online'], helpGroup: 'DEVICES' }),
    version: Flags.string({
      summary: "Only devices that have this version: 2.1.0, '<2.1', 2.0.1,2.0.2.",
      helpValue: 'VERSION',
      helpGroup: 'DEVICES',
    }),
    columns: Flags.string({
      summary: 'What to show of each: also model, tags, installed, assigned, attribute.KEY, metadata.KEY.',
      helpValue: 'NAMES',
      default: DEFAULT_COLUMNS,
    }),
    sort: Flags.string({
      summary: 'Order: id, name, group, status, seen or created; with :desc behind it the other way round.',
      helpValue: 'COLUMN',
      default: 'id',
    }),
    limit: Flags.integer({
      summary: `Show at most so many (${DEFAULT_LIMIT}).`,
      helpValue: 'N',
      min: 1,
      exclusive: ['all'],
    }),
    all: Flags.boolean({ summary: 'Show all of them.', exclusive: ['limit'] }),
    watch: Flags.boolean({ summary: 'Go on, and show what changes.' }),
    output: Flags.string({ summary: 'How to write the list.', options: ['text', 'csv', 'ndjson'], default: 'text' }),
    ...fleetSessionFlags,
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(DevicesList);
    const columns = deviceColumns(flags.columns);
    const wantsAllFields = this.jsonEnabled() || flags.output === 'ndjson';
    const query: DeviceListQuery = {
      where: chosenDevices(flags, [
        ...(flags.online ? ['online'] : []),
        ...(flags.offline ? ['offline'] : []),
        ...(flags.version === undefined ? [] : [`version${/^[=!<>]/.test(flags.version) ? '' : '='}${flags.version}`]),
      ]),
      sort: sortOf(flags.sort),
      limit: flags.all ? Number.POSITIVE_INFINITY : (flags.limit ?? DEFAULT_LIMIT),
      ...(!wantsAllFields && { fields: [...new Set(columns.map(({ field }) => field))] }),
    };
    if (flags.watch && (this.jsonEnabled() || flags.output === 'csv')) {
      throw new OtaError('USAGE', '--watch is no single document', ['Use --watch --output ndjson.']);
    }
    const session = await openFleetSession(flags, { environment: process.env, signal: this.signal });
    await using client = session.client;
    if (flags.watch) {
      const isLive = isLiveTerminal(process.stdout, process.env) && flags.output === 'text';
      const { fields: _, ...whole } = query;
      return await watchDevices(client, isLive ? query : whole, isLive ? this.#screen(columns) : 'ndjson', this.signal);
    }
    const items: PartialDevice[] = [];
    let shown = 0;
    let total = 0;
    if (flags.output === 'csv' && !this.jsonEnabled()) this.print(csvLine(columns.map(({ name }) => name)));
    for await (const page of listDevices(client, query, this.signal)) {
      total = page.total;
      shown += page.items.length;
      if (flags.output === 'text' || this.jsonEnabled()) items.push(...page.items);
      else if (!(await this.#writeLines(columns, page.items, flags.output))) break;
    }
    if (flags.output === 'text' && shown > 0) this.print(this.#headed(await devicesText(columns, items, Date.now())));
    if (shown === 0) this.note(query.where === undefined ? 'There are no devices yet' : 'No device is like that');
    if (query.limit < total && shown < total) {
      this.warnUser(
        `showing ${shown.toLocaleString('en-US')} of ${devicesCount(total)}; --all or --limit N shows more`,
      );
    }
    return { items, total };
  }

  /** Page by page, as fast as they are taken. @returns false once nobody reads them */
  #writeLines(columns: readonly DeviceColumn[], devices: readonly PartialDevice[], output: string): Promise<boolean> {
    const isEscaped = process.stdout.isTTY === true;
    const lines = devices.map((device) =>
      output === 'csv' ? deviceCsvLine(columns, device, isEscaped) : jsonText(device, 0),
    );
    return writeOn(process.stdout, lines.map((line) => `${line}\n`).join(''));
  }

  #screen(columns: readonly DeviceColumn[]): DeviceWatchOutput {
    return async (devices, total) => {
      const text = this.#headed(await devicesText(columns, devices, Date.now()));
      const count = `${devices.length < total ? `${devices.length} of ` : ''}${devicesCount(total)}; Ctrl-C ends`;
      process.stdout.write(`\x1b[H\x1b[2J${text}\n\n${count}\n`);
    };
  }

  #headed(text: string): string {
    const [header = '', ...rows] = text.split('\n');
    return [paint('bold', header, process.stdout, process.env), ...rows].join('\n');
  }
}

function sortOf(text: string): string {
  const [name = '', direction, ...rest] = text.split(':');
  const sort = Object.hasOwn(SORTS, name) ? SORTS[name] : undefined;
  if (sort !== undefined && rest.length === 0 && (direction === undefined || /^(asc|desc)$/i.test(direction))) {
    return direction?.toLowerCase() === 'desc' ? `-${sort}` : sort;
  }
  throw new OtaError('USAGE', `--sort: expected one of ${Object.keys(SORTS).join(', ')}, with :desc behind it or not`);
}
