import { allOf, anyOf, compare, type Filter, OPERATORS, type Operator, present } from './filter.js';
import { TextCursor } from './text-cursor.js';

/** RSQL's unreserved-str: everything but what the grammar needs, and white space. */
export const UNRESERVED = /[^"'();,=<>!~\s]+/y;
const OPERATOR = /==|!=|=(?:lt|le|gt|ge|in|out|is|eq|not|ne)=|<=|>=|<|>/iy;
const AND = /;|and(?=[\s(])/iy;
const OR = /,|or(?=[\s(])/iy;

/** RSQL's spelling of the same operators. */
const ALIASES: Readonly<Record<string, Operator>> = { '<': '=lt=', '<=': '=le=', '>': '=gt=', '>=': '=ge=' };
/** hawkBit's own: `==` and `!=`, for which the word `null` means that there is no value. */
const IS = new Set(['=is=', '=eq=']);
const IS_NOT = new Set(['=not=', '=ne=']);

/**
 * Reads a filter in FIQL as hawkBit understands it, which is RSQL: `;` and `and`, `,` and `or`, quoted values,
 * `<` for `=lt=`. `;` binds tighter than `,`. Which fields there are is not its concern: see `bindFilter`.
 *
 * @param maxBytes of the text as UTF-8
 * @throws OtaError USAGE with the column and what was expected there; LIMIT_EXCEEDED
 * @see draft-nottingham-atompub-fiql-00, section 3; docs/filters.md has the grammar
 */
export function parseFiql(text: string, { maxBytes }: { maxBytes?: number } = {}): Filter {
  const cursor = new TextCursor(text, 'filter', maxBytes);
  const filter = readAlternatives(cursor);
  if (!cursor.isAtEnd) throw cursor.expected('";" (and), "," (or) or the end');
  return filter;
}

function readAlternatives(cursor: TextCursor): Filter {
  return anyOf(cursor.separated(OR, () => allOf(cursor.separated(AND, () => readTerm(cursor)))));
}

function readTerm(cursor: TextCursor): Filter {
  if (cursor.take(/\(/y) === undefined) return readComparison(cursor);
  return cursor.nested(() => {
    const filter = readAlternatives(cursor);
    if (cursor.take(/\)/y) === undefined) throw cursor.expected('";" (and), "," (or) or ")"');
    return filter;
  });
}

function readComparison(cursor: TextCursor): Filter {
  cursor.countNode();
  const field = cursor.take(UNRESERVED);
  if (field === undefined) throw cursor.expected('a field, such as controllerId, or "("');
  const operator = readOperator(cursor);
  const values = readValues(cursor, takesSeveral(operator));
  if (IS.has(operator)) return values[0] === 'null' ? present(field, false) : compare(field, '==', ...values);
  if (IS_NOT.has(operator)) return values[0] === 'null' ? present(field, true) : compare(field, '!=', ...values);
  return compare(field, operator as Operator, ...values);
}

function readOperator(cursor: TextCursor): string {
  const written = cursor.take(OPERATOR)?.toLowerCase();
  if (written === undefined) throw cursor.expected(`an operator (${OPERATORS.join(' ')})`);
  return ALIASES[written] ?? written;
}

function takesSeveral(operator: string): boolean {
  return operator === '=in=' || operator === '=out=';
}

function readValues(cursor: TextCursor, several: boolean): [string, ...string[]] {
  if (cursor.take(/\(/y) === undefined) return [readValue(cursor)];
  const values: [string, ...string[]] = [readValue(cursor)];
  while (several && cursor.take(/,/y) !== undefined) values.push(readValue(cursor));
  if (cursor.take(/\)/y) === undefined)
    throw cursor.expected(several ? '"," or ")"' : '")", as this operator takes one value');
  return values;
}

function readValue(cursor: TextCursor): string {
  const value = cursor.takeQuoted() ?? cursor.take(UNRESERVED);
  if (value === undefined) throw cursor.expected('a value');
  return value;
}
