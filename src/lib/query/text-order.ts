/**
 * Text without the difference between A–Z and a–z. Other letters keep their case: so do SQLite and PostgreSQL's
 * collation "C", and a filter chooses the same devices wherever it is judged.
 */
export function foldCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Below, at or above zero: the order of code points, as in SQLite and in PostgreSQL's collation "C". Case counts. */
export function compareText(left: string, right: string): number {
  return Buffer.from(left).compare(Buffer.from(right));
}
