import { type SelectQueryBuilder, sql } from 'kysely';
import { bindFilter } from '../../query/bind-filter.js';
import type { FieldTable } from '../../query/fields.js';
import type { Filter } from '../../query/filter.js';
import { parseFiql } from '../../query/parse-fiql.js';
import { columnFilterSql, type FieldColumns } from '../database/column-conditions.js';
import type { ListQuery } from './list-query.js';
import { parseSort } from './sort-order.js';

/** What something can be filtered and sorted by. */
export interface EntityFields {
  readonly table: FieldTable;
  /** Field → column; every one of the table. */
  readonly columns: FieldColumns;
  /** What older clients say in another way becomes what the table knows. */
  translate?(filter: Filter): Filter;
}

/**
 * A page of a query, and how many rows all pages have.
 *
 * @param query everything but filter, order and page; in the order of `id` where nothing else decides
 * @param now   for `${NOW_TS}`, milliseconds since 1970
 */
export async function entityPage<DB, TB extends keyof DB, Row>(
  query: SelectQueryBuilder<DB, TB, Row>,
  { table, columns, translate = (filter) => filter }: EntityFields,
  { q, sort, offset, limit, now }: ListQuery & { now: number },
): Promise<{ rows: Row[]; total: number }> {
  const keys = parseSort(sort, table);
  const times = { nowMs: now, overdueMs: now };
  const filtered =
    q === undefined ? query : query.where(columnFilterSql(bindFilter(translate(parseFiql(q)), table, times), columns));
  const { total } = (await filtered
    .clearSelect()
    .select(sql<number>`count(*)`.as('total'))
    .executeTakeFirstOrThrow()) as { total: number };
  const ordered = keys.reduce(
    (some, { field, isDescending }) => some.orderBy(columns[field]!, isDescending ? 'desc' : 'asc'),
    filtered,
  );
  const rows = await ordered.orderBy(columns.id!).limit(limit).offset(offset).execute();
  return { rows, total };
}
