import type { BoundField, BoundFilter } from './bind-filter.js';
import type { Comparison, OrderOperator } from './filter.js';
import { compareText, foldCase } from './text-order.js';
import { versionOrderKey } from './version-order.js';
import { matchesWildcard } from './wildcard.js';

/** What is known of a field; undefined where it has no value. */
export type FieldValue = string | number | boolean | readonly string[] | undefined;
type BoundValue = string | number | boolean;

/**
 * Whether a filter holds, by the rules of `BoundFilter`.
 *
 * @param lookup the value of a field by its path, such as `controllerId` or `metadata.site`; many values as an array
 */
export function matchesFilter(filter: BoundFilter, lookup: (path: string) => FieldValue): boolean {
  switch (filter.kind) {
    case 'and':
      return filter.filters.every((inner) => matchesFilter(inner, lookup));
    case 'or':
      return filter.filters.some((inner) => matchesFilter(inner, lookup));
    case 'present':
      return valuesOf(lookup(filter.field.path)).length > 0 === filter.present;
    case 'compare':
      return compares(filter, valuesOf(lookup(filter.field.path)));
  }
}

function valuesOf(value: FieldValue): readonly BoundValue[] {
  if (value === undefined) return [];
  return typeof value === 'object' ? value : [value];
}

function compares(
  { field, operator, values }: Comparison<BoundField, BoundValue>,
  actual: readonly BoundValue[],
): boolean {
  switch (operator) {
    case '==':
      return actual.some((value) => isEqual(field, value, values[0]));
    case '!=':
      return !actual.some((value) => isEqual(field, value, values[0]));
    case '=in=':
      return actual.some((value) => values.some((one) => isSame(value, one)));
    case '=out=':
      return !actual.some((value) => values.some((one) => isSame(value, one)));
    default:
      return actual.some((value) => isOrdered(operator, orderOf(field, value, values[0])));
  }
}

function isEqual(field: BoundField, actual: BoundValue, value: BoundValue): boolean {
  const hasWildcards = field.type === 'text' || field.type === 'version';
  return hasWildcards ? matchesWildcard(String(actual), String(value)) : isSame(actual, value);
}

function isSame(actual: BoundValue, value: BoundValue): boolean {
  return typeof value === 'string' ? foldCase(String(actual)) === foldCase(value) : actual === value;
}

/** Below, at or above zero; NaN, which is none of them, where the two have no order. */
function orderOf(field: BoundField, actual: BoundValue, value: BoundValue): number {
  if (typeof value !== 'string') return Number(actual) - Number(value);
  const text = field.type === 'version' ? versionOrderKey(String(actual)) : String(actual);
  return text === undefined ? Number.NaN : compareText(text, value);
}

function isOrdered(operator: OrderOperator, order: number): boolean {
  switch (operator) {
    case '=lt=':
      return order < 0;
    case '=le=':
      return order <= 0;
    case '=gt=':
      return order > 0;
    case '=ge=':
      return order >= 0;
  }
}
