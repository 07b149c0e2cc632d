import { type ColumnDefinitionBuilder, type CreateTableBuilder, type Kysely, sql } from 'kysely';

/** What a column holds; a `?` at the end: it may be null. `id` is the primary key, given by the database. */
export type ColumnKind = 'id' | Stored | `${Stored}?`;
type Stored = 'int' | 'real' | 'text' | `-> ${string}` | `->> ${string}`;

export interface TableMaker {
  /**
   * Makes a table.
   *
   * @param columns column → kind; `-> table` refers to the `id` of a row that must not go before this one, with `->> table` this
   *   row goes with it
   */
  table(
    name: string,
    columns: Readonly<Record<string, ColumnKind>>,
    keys?: { primary?: readonly string[]; unique?: readonly (readonly string[])[] },
  ): Promise<void>;
  /** @param columns or expressions of them: `lower(name)` */
  index(table: string, columns: readonly string[]): Promise<void>;
}

/** Words that are the same step on both databases. */
export function tableMaker(db: Kysely<unknown>, kind: 'sqlite' | 'postgres'): TableMaker {
  const integer = kind === 'sqlite' ? 'integer' : 'bigint';
  const define = (column: ColumnDefinitionBuilder, columnKind: ColumnKind): ColumnDefinitionBuilder => {
    if (columnKind === 'id') {
      return kind === 'sqlite' ? column.primaryKey().autoIncrement() : column.generatedAlwaysAsIdentity().primaryKey();
    }
    const isOptional = columnKind.endsWith('?');
    const target = /^->(>)? ([a-z_]+)/.exec(columnKind);
    const required = isOptional ? column : column.notNull();
    if (target === null) return required;
    return required.references(`${target[2]}.id`).onDelete(target[1] === undefined ? 'restrict' : 'cascade');
  };
  const typeOf = (columnKind: ColumnKind) => {
    // Order, LIKE and lower() are then about bytes and A–Z on both, whatever locale the database was made with.
    if (columnKind.startsWith('text')) return kind === 'sqlite' ? 'text' : sql`text collate "C"`;
    if (columnKind.startsWith('real')) return kind === 'sqlite' ? 'real' : 'double precision';
    return integer;
  };
  return {
    async table(name, columns, { primary, unique = [] } = {}) {
      let table: CreateTableBuilder<string, string> = db.schema.createTable(name);
      for (const [column, columnKind] of Object.entries(columns)) {
        table = table.addColumn(column, typeOf(columnKind), (builder) => define(builder, columnKind));
      }
      if (primary !== undefined) table = table.addPrimaryKeyConstraint(`${name}_key`, primary as string[]);
      for (const [index, one] of unique.entries()) {
        table = table.addUniqueConstraint(`${name}_unique_${index}`, one as string[]);
      }
      // Rows found by their key alone lie in its tree.
      await (kind === 'sqlite' && primary !== undefined ? table.modifyEnd(sql`without rowid`) : table).execute();
    },
    async index(table, columns) {
      const name = `${table}_by_${columns.join('_').replaceAll(/\W+/g, '_')}`;
      await sql`create index ${sql.ref(name)} on ${sql.table(table)} (${sql.raw(columns.join(', '))})`.execute(db);
    },
  };
}
