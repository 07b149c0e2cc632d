import { type Expression, type RawBuilder, type SqlBool, sql } from 'kysely';
import type { BoundFilter } from '../../query/bind-filter.js';
import { isOrder } from '../../query/filter.js';
import {
  type Condition,
  FALSE,
  isNegative,
  joined,
  type Leaf,
  type Of,
  onColumn,
  onFlag,
  onNumber,
  onText,
  onWord,
  positive,
  TEXT_HEAD_LENGTH,
  type TextColumn,
  TRUE,
  textColumn,
  textHolds,
  versionHolds,
} from './column-conditions.js';

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

/** Columns of `device` whose names differ from the fields'. */
const COLUMNS: Readonly<Record<string, string>> = { controllerId: 'controller_id', createdBy: 'created_by' };

function column(field: string): TextColumn {
  return textColumn(`device.${COLUMNS[field] ?? field}`);
}

/** A leaf about the name or the version of a distribution set. There are few of those, and many devices. */
function onSet(filter: Of<string>, setId: RawBuilder<unknown>, tenantId: number): Condition {
  const { field } = filter;
  const text = textColumn(field.name.endsWith('.name') ? 'distribution_set.name' : 'distribution_set.version');
  return onColumn(filter, setId, (asked: Of<string>) => {
    const holds = field.type === 'version' && isOrder(asked.operator) ? versionHolds(asked) : textHolds(asked, text);
    return sql`${setId} in (select id from distribution_set where tenant_id = ${tenantId} and ${holds})`;
  });
}

function onTags(filter: Of<string>, tenantId: number): Condition {
  const name = textColumn('tag.name');
  return onMany(filter, (asked) => {
    const holds = asked === undefined ? TRUE : textHolds(asked, name);
    return sql`select device_tag.device_id from tag inner join device_tag on device_tag.tag_id = tag.id
      where tag.tenant_id = ${tenantId} and ${holds}`;
  });
}

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
  const head = sql<string>`lower(substr(${sql.ref('value')}, 1, ${sql.lit(TEXT_HEAD_LENGTH)}))`;
  const text: TextColumn = { ...textColumn('value'), head };
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
