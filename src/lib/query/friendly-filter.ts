import { didYouMean } from '../core/did-you-mean.js';
import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import { bindFilter } from './bind-filter.js';
import { DEVICE_FIELDS } from './device-fields.js';
import { allOf, anyOf, compare, type Filter, type Operator, present } from './filter.js';
import { TextCursor } from './text-cursor.js';
import { foldCase } from './text-order.js';
import { wildcardParts } from './wildcard.js';

/** What people call the fields of a device, and the fields. */
export const FRIENDLY_NAMES: Readonly<Record<string, string>> = {
  id: 'controllerId',
  name: 'name',
  model: 'controllerAttributes.model',
  version: 'installedVersion',
  assigned: 'assignedVersion',
  tag: 'tags.name',
  group: 'group',
  type: 'targetType.key',
  status: 'updateStatus',
  online: 'online',
  seen: 'lastSeenAgo',
  address: 'address',
};
/** The same for names with a key: `attribute.KEY`. */
export const FRIENDLY_KEYED: Readonly<Record<string, string>> = {
  attribute: 'controllerAttributes',
  metadata: 'metadata',
};

const NAME = /[^"'();,=<>!~\s]+/y;
/** A value goes on to the next comma, so that it may hold spaces. */
const VALUE = /[^"',]+/y;
const OPERATOR = /==|!=|<=|>=|=|<|>/y;
const OPERATORS: Readonly<Record<string, Operator>> = {
  '=': '==',
  '==': '==',
  '!=': '!=',
  '<': '=lt=',
  '<=': '=le=',
  '>': '=gt=',
  '>=': '=ge=',
};

/**
 * Reads one `--where` about devices: `model=x`, `model=x,y` (either), `version<2.1`, `tag!=canary`, `seen>1h`,
 * `seen=never`, `offline`. Several of them are joined by `allOf`.
 *
 * @throws OtaError USAGE: no such name, no such value, or what was expected at which column; LIMIT_EXCEEDED
 */
export function parseWhere(text: string): Filter {
  const cursor = new TextCursor(text, '--where');
  const filter = readWhere(cursor);
  // A wrong value is refused before anything is asked of a server. No time matters for that.
  bindFilter(filter, DEVICE_FIELDS, { nowMs: 0, overdueMs: 0 });
  return filter;
}

function readWhere(cursor: TextCursor): Filter {
  const name = cursor.take(NAME);
  if (name === undefined) throw cursor.expected('a name, such as model');
  if (cursor.isAtEnd && /^o(?:n|ff)line$/i.test(name)) {
    return compare('online', '==', String(foldCase(name) === 'online'));
  }
  const field = fieldOf(name);
  const sign = cursor.take(OPERATOR);
  if (sign === undefined) throw cursor.expected('= != < <= > or >=');
  const operator = OPERATORS[sign]!;
  const values = readValues(cursor);
  if (field === 'lastSeenAgo' && operator === '==' && foldCase(values[0]) === 'never' && values.length === 1) {
    return present('lastTargetQuery', false);
  }
  return filterOf(field, operator, values);
}

function fieldOf(name: string): string {
  const known = foldCase(name);
  if (Object.hasOwn(FRIENDLY_NAMES, known)) return FRIENDLY_NAMES[known]!;
  const [head = '', ...key] = name.split('.');
  const isKeyed = Object.hasOwn(FRIENDLY_KEYED, foldCase(head)) && key.join('.') !== '';
  if (isKeyed) return `${FRIENDLY_KEYED[foldCase(head)]}.${key.join('.')}`;

  const meant = didYouMean(name, Object.keys(FRIENDLY_NAMES)) ?? keyedMeant(head, key);
  const names = [...Object.keys(FRIENDLY_NAMES), ...Object.keys(FRIENDLY_KEYED).map((keyed) => `${keyed}.KEY`)];
  throw new OtaError('USAGE', `--where: devices have no "${escapeText(name)}"`, [
    ...(meant === undefined ? [] : [`Did you mean ${escapeText(meant)}?`]),
    `There are ${names.join(', ')}.`,
  ]);
}

function keyedMeant(head: string, key: readonly string[]): string | undefined {
  const meant = didYouMean(head, Object.keys(FRIENDLY_KEYED));
  return meant === undefined ? undefined : `${meant}.${key.join('.') || 'KEY'}`;
}

/** Nothing at all behind the operator is an empty value. */
function readValues(cursor: TextCursor): [string, ...string[]] {
  if (cursor.isAtEnd) return [''];
  const values: [string, ...string[]] = [readValue(cursor)];
  while (cursor.take(/,/y) !== undefined) values.push(readValue(cursor));
  if (!cursor.isAtEnd) throw cursor.expected('"," or the end');
  return values;
}

function readValue(cursor: TextCursor): string {
  const value = cursor.takeQuoted() ?? cursor.take(VALUE)?.trimEnd();
  if (value === undefined) throw cursor.expected('a value');
  return value;
}

function filterOf(field: string, operator: Operator, values: [string, ...string[]]): Filter {
  const [first, ...rest] = values;
  if (rest.length === 0) return compare(field, operator, first);
  if (operator !== '==' && operator !== '!=') {
    throw new OtaError('USAGE', `--where: < <= > >= take one value, not ${values.length}`);
  }
  // =in= and =out= know neither wildcards nor "no value".
  const isPlain = values.every((value) => value !== '' && wildcardParts(value).length === 1 && !value.includes('\\*'));
  if (isPlain) return compare(field, operator === '==' ? '=in=' : '=out=', first, ...rest);
  const each = [compare(field, operator, first), ...rest.map((value) => compare(field, operator, value))] as const;
  return operator === '==' ? anyOf(each) : allOf(each);
}
