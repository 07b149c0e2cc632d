import { type Expression, type RawBuilder, type SqlBool, sql } from 'kysely';
import type { BoundField, BoundFilter } from '../../query/bind-filter.js';
import type { Comparison } from '../../query/filter.js';
import { foldCase } from '../../query/text-order.js';
import { wildcardParts } from '../../query/wildcard.js';

type Condition = RawBuilder<SqlBool>;
type Value = string | number | boolean;
type Leaf = Exclude<BoundFilter, { kind: 'and' | 'or' }>;
type Of<V extends Value> = Comparison<BoundField, V>;

/**
 * A filter of devices as a condition on the table `device`; it holds for exactly those that `matchesFilter` accepts.
 *
 * `not` stands around single comparisons only, and there beside `is null`: so what is unknown to SQL is false to us.
 * Texts are compared as `lower(…)`: the database folds A–Z alone, as `foldCase` does, and has indexes on these expressions.
 *
 * @throws TypeError the filter was bound to other fields than those of devices
 */
export function deviceFilterSql(filter: BoundFilter, tenantId: number): Expression<SqlBool> {
  return conditionOf(filter, tenantId);
}

function conditionOf(filter: BoundFilter, tenantId: number): Condition {
  if (filter.kind === 'and' || filter.kind === 'or') {
    const differing = otherValueOf(filter);
    if (differing !== undefined) return onKeyed(differing, KEYED[differing.field.name]!, tenantId, { isOther: true });
    return joined(
      filter.kind,
      filter.filters.map((inner) => conditionOf(inner, tenantId)),
    );
  }
  const { field } = filter;
  switch (field.name) {
    case 'controllerId':
    case 'name':
    case 'description':
    case 'address':
    case 'createdBy':
      return onText(filter as Of<string>, column(field.name));
    case 'group':
      return onText(filter as Of<string>, column('group_name'));
    case 'lastModifiedBy':
      return onText(filter as Of<string>, column('updated_by'));
    case 'updateStatus':
      return onWord(filter as Of<string>, sql.ref('device.update_status'));
    case 'lastTargetQuery':
      return onNumber(filter as Of<number>, sql.ref('device.last_seen_at'));
    case 'createdAt':
      return onNumber(filter as Of<number>, sql.ref('device.created_at'));
    case 'lastModifiedAt':
      return onNumber(filter as Of<number>, sql.ref('device.updated_at'));
    case 'online':
      return onFlag(filter as Of<boolean>, sql.ref('device.is_online'));
    case 'targetType.key':
    case 'targetType.name':
      return isNegative(filter) ? TRUE : FALSE; // devices have no types here
    case 'assignedDistributionSet.name':
    case 'assignedDistributionSet.version':
    case 'assignedVersion':
      return onSet(filter as Of<string>, sql.ref('device.assigned_set_id'), tenantId);
    case 'installedDistributionSet.name':
    case 'installedDistributionSet.version':
    case 'installedVersion':
      return onSet(filter as Of<string>, sql.ref('device.installed_set_id'), tenantId);
    case 'tags.name':
      return onTags(filter as Of<string>, tenantId);
    case 'metadata':
    case 'controllerAttributes':
      return onKeyed(filter as Of<string>, KEYED[field.name]!, tenantId);
    default:
      throw new TypeError(`devices cannot be selected by ${field.path}`);
  }
}

/** Tables of what has one value for each key. */
const KEYED: Readonly<Record<string, RawBuilder<unknown>>> = {
  metadata: sql.table('device_metadata'),
  controllerAttributes: sql.table('device_attribute'),
};

const TRUE: Condition = sql`1 = 1`;
const FALSE: Condition = sql`1 = 0`;

/** A text column, as it is and as it is compared. */
interface TextColumn {
  readonly raw: RawBuilder<string>;
  readonly folded: RawBuilder<string>;
  /** Where the index has only the beginnings of texts: see TEXT_HEAD_LENGTH. */
  readonly head?: RawBuilder<string>;
}

/** Columns of `device` whose names differ from the fields'. */
const COLUMNS: Readonly<Record<string, string>> = { controllerId: 'controller_id', createdBy: 'created_by' };

function column(field: string): TextColumn {
  const raw = sql.ref<string>(`device.${COLUMNS[field] ?? field}`);
  return { raw, folded: sql`lower(${raw})` };
}

function isNegative(filter: Leaf): boolean {
  return filter.kind === 'present' ? !filter.present : filter.operator === '!=' || filter.operator === '=out=';
}

/** What a negative filter denies. */
function positive<V extends Value>(filter: Of<V>): Of<V> {
  if (filter.operator === '!=') return { ...filter, operator: '==' };
  return filter.operator === '=out=' ? { ...filter, operator: '=in=' } : filter;
}

/** A leaf about a column of the device itself: negated, it holds where there is no value. */
function onColumn<V extends Value>(
  filter: Of<V> | Leaf,
  raw: RawBuilder<unknown>,
  holds: (filter: Of<V>) => Condition,
): Condition {
  if (filter.kind === 'present') return filter.present ? sql`${raw} is not null` : sql`${raw} is null`;
  const condition = holds(positive(filter as Of<V>));
  return isNegative(filter) ? sql`(${raw} is null or not ${condition})` : condition;
}

function onText(filter: Of<string>, text: TextColumn): Condition {
  return onColumn(filter, text.raw, (asked: Of<string>) => textHolds(asked, text));
}

function onNumber(filter: Of<number>, raw: RawBuilder<unknown>): Condition {
  return onColumn(filter, raw, (asked: Of<number>) => numberHolds(asked, raw));
}

function onFlag(filter: Of<boolean>, raw: RawBuilder<unknown>): Condition {
  return onColumn(filter, raw, ({ values }: Of<boolean>) => isOneOf(raw, values.map(Number)));
}

/** Stored in lower case, and by `bindFilter` known to be one of the words. */
function onWord(filter: Of<string>, raw: RawBuilder<unknown>): Condition {
  return onColumn(filter, raw, ({ values }: Of<string>) => isOneOf(raw, values.map(foldCase)));
}

/** A leaf about the name or the version of a distribution set. There are few of those, and many devices. */
function onSet(filter: Of<string>, setId: RawBuilder<unknown>, tenantId: number): Condition {
  const { field } = filter;
  const raw = sql.ref<string>(field.name.endsWith('.name') ? 'distribution_set.name' : 'distribution_set.version');
  const text: TextColumn = { raw, folded: sql`lower(${raw})` };
  return onColumn(filter, setId, (asked: Of<string>) => {
    const holds = field.type === 'version' && isOrder(asked) ? versionHolds(asked) : textHolds(asked, text);
    return sql`${setId} in (select id from distribution_set where tenant_id = ${tenantId} and ${holds})`;
  });
}

function onTags(filter: Of<string>, tenantId: number): Condition {
  const raw = sql.ref<string>('tag.name');
  return onMany(filter, (asked) => {
    const holds = asked === undefined ? TRUE : textHolds(asked, { raw, folded: sql`lower(${raw})` });
    return sql`select device_tag.device_id from tag inner join device_tag on device_tag.tag_id = tag.id
      where tag.tenant_id = ${tenantId} and ${holds}`;
  });
}

/**
 * Values of attributes and metadata are long, and PostgreSQL has no index for long texts, so the index has these first
 * characters of them. migration-0001.ts has the same expression.
 */
const TEXT_HEAD_LENGTH = 64;

/**
 * `bindFilter` says `metadata.site!=north` as "has a site, and not the site north". In one look: has another site.
 *
 * @returns the negative comparison, if the filter is such a pair
 */
function otherValueOf({ kind, filters }: Exclude<BoundFilter, Leaf>): Of<string> | undefined {
  const [has, differs, ...rest] = filters;
  if (kind !== 'and' || rest.length > 0 || has.kind !== 'present' || differs.kind !== 'compare') return undefined;
  const isPair = has.present && isNegative(differs) && has.field.path === differs.field.path;
  return isPair && has.field.name in KEYED ? (differs as Of<string>) : undefined;
}

/** @param isOther those that have another value, instead of all that do not have this one */
function onKeyed(
  filter: Of<string>,
  table: RawBuilder<unknown>,
  tenantId: number,
  { isOther = false }: { isOther?: boolean } = {},
): Condition {
  const raw = sql.ref<string>('value');
  const text: TextColumn = {
    raw,
    folded: sql`lower(${raw})`,
    head: sql`lower(substr(${raw}, 1, ${sql.lit(TEXT_HEAD_LENGTH)}))`,
  };
  const devices = (holds: Condition) => sql`select device_id from ${table}
      where tenant_id = ${tenantId} and name = ${filter.field.key} and ${holds}`;
  if (isOther) return sql`device.id in (${devices(sql`not ${textHolds(positive(filter), text)}`)})`;
  return onMany(filter, (asked) => devices(asked === undefined ? TRUE : textHolds(asked, text)));
}

/** A leaf about rows that belong to the device. @param devices those that have a row as asked, or any row at all */
function onMany(filter: Of<string>, devices: (asked: Of<string> | undefined) => RawBuilder<unknown>): Condition {
  const isPresence = (filter as Leaf).kind === 'present';
  const selected = devices(isPresence ? undefined : positive(filter));
  return isNegative(filter) ? sql`device.id not in (${selected})` : sql`device.id in (${selected})`;
}

function textHolds({ operator, values }: Of<string>, text: TextColumn): Condition {
  switch (operator) {
    case '==':
      return patternHolds(text, wildcardParts(foldCase(values[0])));
    case '=in=':
      return joined(
        'or',
        values.map((value) => patternHolds(text, [foldCase(value)])),
      );
    default:
      return sql`${text.raw} ${SIGNS[operator as Order]} ${values[0]}`;
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
function versionHolds({ operator, values }: Of<string>): Condition {
  return sql`version_order <> '' and version_order ${SIGNS[operator as Order]} ${values[0]}`;
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

type Order = '=lt=' | '=le=' | '=gt=' | '=ge=';
const SIGNS: Readonly<Record<Order, RawBuilder<unknown>>> = {
  '=lt=': sql`<`,
  '=le=': sql`<=`,
  '=gt=': sql`>`,
  '=ge=': sql`>=`,
};

function isOrder({ operator }: Of<string>): boolean {
  return operator in SIGNS;
}

function isOneOf(raw: RawBuilder<unknown>, values: readonly (string | number)[]): Condition {
  return values.length === 0 ? FALSE : sql`${raw} in (${sql.join([...values])})`;
}

function joined(word: 'and' | 'or', conditions: readonly Condition[]): Condition {
  return sql`(${sql.join([...conditions], sql` ${sql.raw(word)} `)})`;
}
