import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { BoundField, BoundFilter } from '../../query/bind-filter.js';
import type { Comparison, OrderOperator } from '../../query/filter.js';
import { foldCase } from '../../query/text-order.js';
import { wildcardParts } from '../../query/wildcard.js';

/**
 * Comparisons with columns, as SQL. `not` stands around single comparisons only, and there beside `is null`: so what is
 * unknown to SQL is false to us. Texts are compared as `lower(…)`: the database folds A–Z alone, as `foldCase` does, and
 * has indexes on these expressions.
 */
export type Condition = RawBuilder<SqlBool>;
type Value = string | number | boolean;
export type Leaf = Exclude<BoundFilter, { kind: 'and' | 'or' }>;
export type Of<V extends Value> = Comparison<BoundField, V>;

export const TRUE: Condition = sql`1 = 1`;
export const FALSE: Condition = sql`1 = 0`;

/** A text column, as it is and as it is compared. */
export interface TextColumn {
  readonly raw: RawBuilder<string>;
  readonly folded: RawBuilder<string>;
  /** Where the index has only the beginnings of texts: see TEXT_HEAD_LENGTH. */
  readonly head?: RawBuilder<string>;
}

export function textColumn(reference: string): TextColumn {
  const raw = sql.ref<string>(reference);
  return { raw, folded: sql`lower(${raw})` };
}

export function isNegative(filter: Leaf): boolean {
  return filter.kind === 'present' ? !filter.present : filter.operator === '!=' || filter.operator === '=out=';
}

/** What a negative filter denies. */
export function positive<V extends Value>(filter: Of<V>): Of<V> {
  if (filter.operator === '!=') return { ...filter, operator: '==' };
  return filter.operator === '=out=' ? { ...filter, operator: '=in=' } : filter;
}

/** A leaf about a column of the device itself: negated, it holds where there is no value. */
export function onColumn<V extends Value>(
  filter: Of<V> | Leaf,
  raw: RawBuilder<unknown>,
  holds: (filter: Of<V>) => Condition,
): Condition {
  if (filter.kind === 'present') return filter.present ? sql`${raw} is not null` : sql`${raw} is null`;
  const condition = holds(positive(filter as Of<V>));
  return isNegative(filter) ? sql`(${raw} is null or not ${condition})` : condition;
}

export function onText(filter: Of<string>, text: TextColumn): Condition {
  return onColumn(filter, text.raw, (asked: Of<string>) => textHolds(asked, text));
}

export function onNumber(filter: Of<number>, raw: RawBuilder<unknown>): Condition {
  return onColumn(filter, raw, (asked: Of<number>) => numberHolds(asked, raw));
}

export function onFlag(filter: Of<boolean>, raw: RawBuilder<unknown>): Condition {
  return onColumn(filter, raw, ({ values }: Of<boolean>) => isOneOf(raw, values.map(Number)));
}

/** Stored in lower case, and by `bindFilter` known to be one of the words. */
export function onWord(filter: Of<string>, raw: RawBuilder<unknown>): Condition {
  return onColumn(filter, raw, ({ values }: Of<string>) => isOneOf(raw, values.map(foldCase)));
}

/**
 * Values of attributes and metadata are long, and PostgreSQL has no index for long texts, so the index has these first
 * characters of them. migration-0001.ts has the same expression.
 */
export const TEXT_HEAD_LENGTH = 64;

export function textHolds({ operator, values }: Of<string>, text: TextColumn): Condition {
  switch (operator) {
    case '==':
      return patternHolds(text, wildcardParts(foldCase(values[0])));
    case '=in=':
      return joined(
        'or',
        values.map((value) => patternHolds(text, [foldCase(value)])),
      );
    default:
      return sql`${text.raw} ${SIGNS[operator as OrderOperator]} ${values[0]}`;
  }
}

/** @param parts what stands between the wildcards, in lower case */
function patternHolds({ folded, head }: TextColumn, parts: readonly [string, ...string[]]): Condition {
  const [first] = parts;
  const isShort = [...first].length < TEXT_HEAD_LENGTH;
  if (parts.length === 1) {
    // A shorter text is known by its head alone.
    return head !== undefined && isShort ? sql`${head} = ${first}` : sql`${folded} = ${first}`;
  }
  const like: Condition = sql`${folded} like ${parts.map(escapeLike).join('%')} escape '\\'`;
  if (first === '' || !isShort) return like;
  // What LIKE means for the beginning, so that an index finds it.
  const end = textAfter(first);
  const start = head ?? folded;
  return end === undefined ? like : sql`(${start} >= ${first} and ${start} < ${end} and ${like})`;
}

function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}

/** The first text, byte by byte, after all that begin with `prefix`; undefined if there is none. */
function textAfter(prefix: string): string | undefined {
  const characters = [...prefix];
  for (let last = characters.pop(); last !== undefined; last = characters.pop()) {
    const next = last.codePointAt(0)! + 1;
    if (next <= 0x10ffff) return characters.join('') + String.fromCodePoint(next === 0xd800 ? 0xe000 : next);
  }
  return undefined;
}

/** What is no version has an empty order and stands in none. */
export function versionHolds({ operator, values }: Of<string>): Condition {
  return sql`version_order <> '' and version_order ${SIGNS[operator as OrderOperator]} ${values[0]}`;
}

/** Columns hold integers, and PostgreSQL takes nothing else to compare them with. */
function numberHolds({ operator, values }: Of<number>, raw: RawBuilder<unknown>): Condition {
  const [value] = values;
  switch (operator) {
    case '=lt=':
    case '=ge=':
      return sql`${raw} ${SIGNS[operator]} ${Math.ceil(value)}`;
    case '=le=':
    case '=gt=':
      return sql`${raw} ${SIGNS[operator]} ${Math.floor(value)}`;
    default:
      return isOneOf(raw, values.filter(Number.isInteger));
  }
}

const SIGNS: Readonly<Record<OrderOperator, RawBuilder<unknown>>> = {
  '=lt=': sql`<`,
  '=le=': sql`<=`,
  '=gt=': sql`>`,
  '=ge=': sql`>=`,
};

function isOneOf(raw: RawBuilder<unknown>, values: readonly (string | number)[]): Condition {
  return values.length === 0 ? FALSE : sql`${raw} in (${sql.join([...values])})`;
}

/** @param conditions at least one */
export function joined(word: 'and' | 'or', conditions: readonly Condition[]): Condition {
  return sql`(${sql.join([...conditions], sql` ${sql.raw(word)} `)})`;
}

/** What columns hold the fields of something. */
export type FieldColumns = Readonly<Record<string, RawBuilder<unknown>>>;

/**
 * A filter of things whose fields are columns, as a condition. Enumerations are stored in lower case.
 *
 * @throws TypeError the filter was bound to other fields than these
 */
export function columnFilterSql(filter: BoundFilter, columns: FieldColumns): Condition {
  if (filter.kind === 'and' || filter.kind === 'or') {
    return joined(
      filter.kind,
      filter.filters.map((inner) => columnFilterSql(inner, columns)),
    );
  }
  const { field } = filter;
  const raw = columns[field.name] as RawBuilder<string> | undefined;
  if (raw === undefined) throw new TypeError(`there is no column for ${field.path}`);
  switch (field.type) {
    case 'number':
      return onNumber(filter as Of<number>, raw);
    case 'boolean':
      return onFlag(filter as Of<boolean>, raw);
    case 'enumeration':
      return onWord(filter as Of<string>, raw);
    default:
      return onText(filter as Of<string>, { raw, folded: sql`lower(${raw})` });
  }
}
