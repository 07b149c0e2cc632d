/** Most parameters of one statement: SQLite takes 32,766, PostgreSQL 65,535. Far below, a statement is compiled faster. */
const MAX_PARAMETERS = 8_000;

/** Cuts rows so that each part fits one statement. */
export function* chunksOf<T>(rows: readonly T[], parametersPerRow: number): Generator<readonly [T, ...T[]]> {
  const size = Math.max(1, Math.floor(MAX_PARAMETERS / parametersPerRow));
  for (let from = 0; from < rows.length; from += size) {
    yield rows.slice(from, from + size) as unknown as readonly [T, ...T[]];
  }
}
