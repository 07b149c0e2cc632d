import { OtaError } from '../../lib/core/errors.js';
import { escapeText } from '../../lib/core/text.js';
import { allOf, compare, type Filter } from '../../lib/query/filter.js';
import { formatFiql } from '../../lib/query/format-fiql.js';
import { parseWhere } from '../../lib/query/friendly-filter.js';
import { parseFiql } from '../../lib/query/parse-fiql.js';
import { EVENT_TYPES, type EventType } from '../../lib/wire/events.js';

/** Which devices: those that are named and fit all filters, as FIQL; undefined for all of the tenant. */
export function devicesQuery(flags: {
  device?: readonly string[] | undefined;
  where?: readonly string[] | undefined;
  filter?: string | undefined;
}): string | undefined {
  const { device = [], where = [], filter } = flags;
  const [first, ...others] = device;
  const filters: Filter[] = [
    ...(first === undefined ? [] : [compare('controllerId', '=in=', first, ...others)]),
    ...where.map(parseWhere),
    ...(filter === undefined ? [] : [parseFiql(filter)]),
  ];
  const [head, ...rest] = filters;
  return head === undefined ? undefined : formatFiql(allOf([head, ...rest]));
}

/** @throws OtaError USAGE for a type that there is not */
export function eventTypes(text: string | undefined): EventType[] {
  if (text === undefined) return [...EVENT_TYPES];
  const wanted = text.split(',').map((word) => word.trim());
  const unknown = wanted.find((word) => !(EVENT_TYPES as readonly string[]).includes(word));
  if (unknown === undefined) return wanted as EventType[];
  throw new OtaError('USAGE', `--type: "${escapeText(unknown)}" is no type of event`, [
    `There are ${EVENT_TYPES.join(', ')}.`,
  ]);
}
