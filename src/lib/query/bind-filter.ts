import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import { timeOfAge } from './age.js';
import type { FieldTable, FoundField } from './fields.js';
import { allOf, anyOf, type Comparison, compare, type Filter, isOrder, type Operator, present } from './filter.js';
import { foldCase } from './text-order.js';
import { versionOrderKey } from './version-order.js';

/** A field that exists. */
export interface BoundField {
  /** with its key: `metadata.site` */
  readonly path: string;
  /** `metadata` */
  readonly name: string;
  /** `site`; undefined for fields without keys */
  readonly key: string | undefined;
  readonly type: 'text' | 'number' | 'boolean' | 'version' | 'enumeration';
  /** whether it holds any number of values */
  readonly many: boolean;
}

/**
 * A filter whose fields exist and whose values are what they hold. Its rules are few and the same for every field:
 *
 * - `present`: the field has a value; one of many: at least one.
 * - `==`: a value of the field is equal; text: matches the pattern (`matchesWildcard`). `=in=`: equals one, without wildcards.
 *   The case of A–Z does not count (`foldCase`).
 * - `!=` is exactly not `==`, `=out=` exactly not `=in=`: both hold where the field has no value.
 * - `=lt=` …: a value of the field stands so to it; text by `compareText`; of versions the values here are order keys
 *   (`versionOrderKey`), to be compared with those of the field's values. Never holds where there is no value.
 */
export type BoundFilter = Filter<BoundField, string | number | boolean>;

/** What `${NOW_TS}` and `${OVERDUE_TS}` stand for, and what ages are counted from; milliseconds since 1970. */
export interface FilterTimes {
  readonly nowMs: number;
  /** a device seen before it should have been seen again by now */
  readonly overdueMs: number;
}

/**
 * Checks a filter against the fields there are, and resolves what the languages say in passing:
 * an empty value (`==''`: no value or an empty one), `!=` on keyed fields (only where the key is there, as in hawkBit),
 * ages, placeholders, spelling.
 *
 * @throws OtaError USAGE: no such field, no such value, an operator the field does not have
 */
export function bindFilter(filter: Filter, fields: FieldTable, times: FilterTimes): BoundFilter {
  switch (filter.kind) {
    case 'compare':
      return bindComparison(filter, fields, times);
    case 'present':
      return present(bindField(agedField(fields.find(filter.field), fields)), filter.present);
    default: {
      const [first, second, ...rest] = filter.filters;
      const bind = (inner: Filter) => bindFilter(inner, fields, times);
      return { kind: filter.kind, filters: [bind(first), bind(second), ...rest.map(bind)] };
    }
  }
}

function bindComparison(comparison: Comparison, fields: FieldTable, times: FilterTimes): BoundFilter {
  const found = fields.find(comparison.field);
  const [first, ...rest] = comparison.values;
  if (found.definition.type === 'age') {
    const { operator, timeMs } = timeOfAge(found.name, { ...comparison, age: first, ...times });
    return compare(bindField(agedField(found, fields)), operator, timeMs);
  }

  const field = bindField(found);
  const { operator } = comparison;
  if (first === '' && (operator === '==' || operator === '!=')) return bindEmpty(field, operator);
  const bind = (value: string) => bindValue(found, value, operator, times);
  const bound = compare(field, operator, bind(first), ...rest.map(bind));
  const isNegative = operator === '!=' || operator === '=out=';
  return isNegative && field.key !== undefined ? allOf([present(field, true), bound]) : bound;
}

/** hawkBit: `tag==''` are those without tags, `description!=''` those that are described. */
function bindEmpty(field: BoundField, operator: '==' | '!='): BoundFilter {
  const isEmpty = operator === '==';
  const presence = present(field, !isEmpty);
  if (field.type !== 'text' && field.type !== 'version') return presence;
  return isEmpty ? anyOf([presence, compare(field, '==', '')]) : allOf([presence, compare(field, '!=', '')]);
}

function agedField(found: FoundField, fields: FieldTable): FoundField {
  return found.definition.type === 'age' ? fields.find(found.definition.since) : found;
}

function bindField({ name, key, definition }: FoundField): BoundField {
  return {
    path: key === undefined ? name : `${name}.${key}`,
    name,
    key,
    type: definition.type as BoundField['type'],
    many: definition.type === 'text' && definition.many === true,
  };
}

function bindValue(
  found: FoundField,
  value: string,
  operator: Operator,
  times: FilterTimes,
): string | number | boolean {
  const { definition } = found;
  switch (definition.type) {
    case 'number':
      return numberOf(found, value, times);
    case 'boolean':
      refuseOrder(found, operator);
      if (!/^(?:true|false)$/i.test(value)) throw refused(found, `is true or false, not "${escapeText(value)}"`);
      return value.toLowerCase() === 'true';
    case 'enumeration': {
      refuseOrder(found, operator);
      const known = definition.values.find((one) => foldCase(one) === foldCase(value));
      if (known !== undefined) return known;
      throw refused(found, `is one of ${definition.values.join(', ')}, not "${escapeText(value)}"`);
    }
    case 'version': {
      if (!isOrder(operator)) return value;
      const key = versionOrderKey(value);
      if (key !== undefined) return key;
      throw refused(found, `is ordered by version, and "${escapeText(value)}" is no version such as 2.1.0`);
    }
    default:
      return value;
  }
}

function numberOf(found: FoundField, value: string, times: FilterTimes): number {
  const placeholder = /^\$\{([A-Z_]+)\}$/i.exec(value)?.[1]?.toUpperCase();
  if (placeholder === 'NOW_TS') return times.nowMs;
  if (placeholder === 'OVERDUE_TS') return times.overdueMs;
  if (/^-?\d{1,15}(?:\.\d{1,15})?$/.test(value)) return Number(value);
  throw refused(found, `is a number, and "${escapeText(value)}" is none`);
}

function refuseOrder(found: FoundField, operator: Operator): void {
  if (isOrder(operator)) throw refused(found, `has no order: it is compared with ==, !=, =in= and =out=`);
}

function refused({ name, key }: FoundField, fact: string): OtaError {
  return new OtaError('USAGE', `${escapeText(key === undefined ? name : `${name}.${key}`)} ${fact}`);
}
