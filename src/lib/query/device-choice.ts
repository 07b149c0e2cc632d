import { OtaError } from '../core/errors.js';
import { bindFilter } from './bind-filter.js';
import { DEVICE_FIELDS } from './device-fields.js';
import { compare, type Filter } from './filter.js';
import { parseWhere } from './friendly-filter.js';
import { parseFiql } from './parse-fiql.js';
import { escapeWildcards } from './wildcard.js';

/**
 * Reads which devices are meant, in whatever way somebody says it: `all`, `group:lab`, FIQL (`tag==canary;group==lab`),
 * or a condition of `--where` (`model=x`). What can be read as FIQL is FIQL.
 *
 * @returns undefined: all devices
 * @throws OtaError USAGE, LIMIT_EXCEEDED
 */
export function parseDeviceChoice(text: string): Filter | undefined {
  if (text.trim() === 'all') return undefined;
  const [, group] = /^group:(.+)$/s.exec(text.trim()) ?? [];
  if (group !== undefined) return compare('group', '==', escapeWildcards(group));
  try {
    return checkedFiql(text);
  } catch (asFiql) {
    if (!(asFiql instanceof OtaError) || asFiql.code !== 'USAGE') throw asFiql;
    try {
      return parseWhere(text);
    } catch (asCondition) {
      // Several conditions, or a list in parentheses, is what only FIQL has.
      throw /[;()]/.test(text) ? asFiql : asCondition;
    }
  }
}

function checkedFiql(text: string): Filter {
  const filter = parseFiql(text);
  bindFilter(filter, DEVICE_FIELDS, { nowMs: 0, overdueMs: 0 });
  return filter;
}
