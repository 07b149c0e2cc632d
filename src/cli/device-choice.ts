import { Flags } from '@oclif/core';
import { OtaError } from '../lib/core/errors.js';
import { bindFilter } from '../lib/query/bind-filter.js';
import { DEVICE_FIELDS } from '../lib/query/device-fields.js';
import { allOf, type Filter } from '../lib/query/filter.js';
import { formatFiql } from '../lib/query/format-fiql.js';
import { parseWhere } from '../lib/query/friendly-filter.js';
import { parseFiql } from '../lib/query/parse-fiql.js';
import { promptConfirm } from '../lib/ui/prompts.js';

const GROUP = 'DEVICES';

/** Which devices a command is about. All of them hold together. */
export const deviceChoiceFlags = {
  where: Flags.string({
    summary: "Devices for which this holds: model=x, tag!=canary, 'version<2.1', 'seen>1h', metadata.site=north.",
    helpValue: 'CONDITION',
    helpGroup: GROUP,
    multiple: true,
    multipleNonGreedy: true,
  }),
  filter: Flags.string({ summary: 'The same in FIQL (docs/filters.md).', helpValue: 'FIQL', helpGroup: GROUP }),
};

export interface DeviceChoiceFlags {
  readonly where?: readonly string[] | undefined;
  readonly filter?: string | undefined;
}

/**
 * Flags as one filter for the server.
 *
 * @param more further conditions in the language of --where
 * @returns FIQL; undefined: all devices
 * @throws OtaError USAGE, LIMIT_EXCEEDED
 */
export function chosenDevices(
  { where = [], filter }: DeviceChoiceFlags,
  more: readonly string[] = [],
): string | undefined {
  const filters = [...where, ...more].map(parseWhere);
  if (filter !== undefined) filters.push(parseFilter(filter));
  const [first, ...rest] = filters;
  return first === undefined ? undefined : formatFiql(allOf([first, ...rest]));
}

/** A field that does not exist is refused before anything is asked of a server. */
function parseFilter(text: string): Filter {
  const filter = parseFiql(text);
  bindFilter(filter, DEVICE_FIELDS, { nowMs: 0, overdueMs: 0 });
  return filter;
}

/** Asks before something happens to devices that nobody has named one by one. @throws OtaError USAGE, INTERRUPTED */
export async function confirmDevices(
  question: string,
  { yes, signal }: { yes: boolean; signal: AbortSignal },
): Promise<void> {
  if (yes || (await promptConfirm({ message: question, flag: 'yes', signal }))) return;
  throw new OtaError('INTERRUPTED', 'Nothing was changed');
}
