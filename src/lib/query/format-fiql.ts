import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import type { Filter } from './filter.js';
import { UNRESERVED } from './parse-fiql.js';

/**
 * Writes a filter as FIQL; `parseFiql` reads the same tree from it. In a URL it needs percent-encoding as any text does.
 *
 * @throws OtaError USAGE, a field's name cannot be written: FIQL has no quotes for names
 */
export function formatFiql(filter: Filter): string {
  switch (filter.kind) {
    case 'compare':
      return `${name(filter.field)}${filter.operator}${values(filter)}`;
    case 'present':
      return `${name(filter.field)}${filter.present ? '=not=' : '=is='}null`;
    case 'and':
      return filter.filters.map((inner) => grouped(inner, ['and', 'or'])).join(';');
    case 'or':
      return filter.filters.map((inner) => grouped(inner, ['or'])).join(',');
  }
}

function grouped(filter: Filter, kinds: readonly Filter['kind'][]): string {
  return kinds.includes(filter.kind) ? `(${formatFiql(filter)})` : formatFiql(filter);
}

function name(field: string): string {
  if (isUnreserved(field)) return field;
  throw new OtaError('USAGE', `"${escapeText(field)}" cannot be filtered by: FIQL cannot write this name`, [
    'A name has no white space and none of " \' ( ) ; , = < > ! ~',
  ]);
}

function values({ operator, values: [first, ...rest] }: Filter & { kind: 'compare' }): string {
  if (operator !== '=in=' && operator !== '=out=') return value(first);
  return `(${[first, ...rest].map(value).join(',')})`;
}

function value(text: string): string {
  return isUnreserved(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`;
}

function isUnreserved(text: string): boolean {
  UNRESERVED.lastIndex = 0;
  return UNRESERVED.exec(text)?.[0] === text;
}
