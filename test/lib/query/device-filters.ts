import { bindFilter, type FilterTimes } from '../../../src/lib/query/bind-filter.js';
import { DEVICE_FIELDS } from '../../../src/lib/query/device-fields.js';
import type { Filter } from '../../../src/lib/query/filter.js';
import { type FieldValue, matchesFilter } from '../../../src/lib/query/match-filter.js';
import { parseFiql } from '../../../src/lib/query/parse-fiql.js';

export type Device = Readonly<Record<string, FieldValue>>;

export const times: FilterTimes = { nowMs: 1_700_000_000_000, overdueMs: 1_699_999_000_000 };

export function bound(filter: string | Filter) {
  return bindFilter(typeof filter === 'string' ? parseFiql(filter) : filter, DEVICE_FIELDS, times);
}

export function matches(filter: string | Filter, device: Device): boolean {
  return matchesFilter(bound(filter), (path) => device[path]);
}

/** The names of those that a filter chooses. */
export function chosen(filter: string | Filter, devices: Readonly<Record<string, Device>>): string[] {
  return Object.keys(devices).filter((name) => matches(filter, devices[name]!));
}
