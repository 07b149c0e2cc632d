import { OtaError } from '../core/errors.js';
import { timeOfAge } from './age.js';
import { DEVICE_FIELDS } from './device-fields.js';
import { compare, type Filter, isOrder, present } from './filter.js';

/** Our field, and hawkBit's that holds the same text. */
const VERSIONS: ReadonlyMap<string, string> = new Map([
  ['assignedVersion', 'assignedDistributionSet.version'],
  ['installedVersion', 'installedDistributionSet.version'],
]);

/**
 * Says a filter of devices in the fields that a real hawkBit knows.
 *
 * @param nowMs what ages are counted from, as the server's clock has it; milliseconds since 1970
 * @throws OtaError USAGE: hawkBit cannot say it, or there is no such field
 */
export function toHawkbitFilter(filter: Filter, nowMs: number): Filter {
  if (filter.kind === 'and' || filter.kind === 'or') {
    const [first, second, ...rest] = filter.filters;
    const say = (inner: Filter) => toHawkbitFilter(inner, nowMs);
    return { kind: filter.kind, filters: [say(first), say(second), ...rest.map(say)] };
  }
  const { name } = DEVICE_FIELDS.find(filter.field);
  const version = VERSIONS.get(name);
  if (version !== undefined) return versionFilter(filter, version);
  if (name === 'lastSeenAgo') return seenFilter(filter, nowMs);
  if (name === 'online') {
    throw new OtaError('USAGE', 'hawkBit does not know whether a device is online', [
      'Ask when it was seen, such as seen<10m.',
    ]);
  }
  return filter;
}

type Leaf = Extract<Filter, { field: string }>;

function versionFilter(filter: Leaf, field: string): Filter {
  if (filter.kind === 'compare' && isOrder(filter.operator)) {
    throw new OtaError('USAGE', 'hawkBit compares versions as text and cannot tell which is greater', [
      'Name the versions, such as version=2.0.0,2.0.1 or version=2.0.*.',
    ]);
  }
  return { ...filter, field };
}

function seenFilter(filter: Leaf, nowMs: number): Filter {
  if (filter.kind === 'present') return present('lastTargetQuery', filter.present);
  const { operator, timeMs } = timeOfAge('lastSeenAgo', { ...filter, age: filter.values[0], nowMs });
  return compare('lastTargetQuery', operator, String(timeMs));
}
