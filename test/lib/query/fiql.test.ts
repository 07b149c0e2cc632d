import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { compare, type Filter, present } from '../../../src/lib/query/filter.js';
import { formatFiql } from '../../../src/lib/query/format-fiql.js';
import { parseFiql } from '../../../src/lib/query/parse-fiql.js';
import { anyFilter } from './fiql-filters.js';

const and = (first: Filter, second: Filter, ...rest: Filter[]): Filter => ({
  kind: 'and',
  filters: [first, second, ...rest],
});
const or = (first: Filter, second: Filter, ...rest: Filter[]): Filter => ({
  kind: 'or',
  filters: [first, second, ...rest],
});

function refusal(text: string, options = {}): { code: string; message: string } {
  try {
    parseFiql(text, options);
  } catch (error) {
    if (error instanceof OtaError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error(`${text} was accepted`);
}

describe('FIQL is read', () => {
  test('as the example of the draft means it', () => {
    // draft-nottingham-atompub-fiql-00, section 1
    expect(parseFiql('title==foo*;(updated=lt=-P1D,title==*bar)')).toEqual(
      and(compare('title', '==', 'foo*'), or(compare('updated', '=lt=', '-P1D'), compare('title', '==', '*bar'))),
    );
  });

  test('as the examples of RSQL mean it, in both notations', () => {
    const film = [compare('name', '==', 'Kill Bill'), compare('year', '=gt=', '2003')] as const;
    expect(parseFiql('name=="Kill Bill";year=gt=2003')).toEqual(and(...film));
    expect(parseFiql('name=="Kill Bill" and year>2003')).toEqual(and(...film));
    const genres = compare('genres', '=in=', 'sci-fi', 'action');
    const people = or(compare('director', '==', 'Christopher Nolan'), compare('actor', '==', '*Bale'));
    const recent = compare('year', '=ge=', '2000');
    expect(parseFiql("genres=in=(sci-fi,action);(director=='Christopher Nolan',actor==*Bale);year=ge=2000")).toEqual(
      and(genres, people, recent),
    );
    expect(
      parseFiql("genres=in=(sci-fi,action) and (director=='Christopher Nolan' or actor==*Bale) and year>=2000"),
    ).toEqual(and(genres, people, recent));
    expect(
      parseFiql('genres=in=(sci-fi,action) and genres=out=(romance,animated,horror) or director==Que*Tarantino'),
    ).toEqual(
      or(
        and(genres, compare('genres', '=out=', 'romance', 'animated', 'horror')),
        compare('director', '==', 'Que*Tarantino'),
      ),
    );
  });

  test('as the examples of hawkBit mean it', () => {
    expect(parseFiql('name=in=(ccu299792, shc137)')).toEqual(compare('name', '=in=', 'ccu299792', 'shc137'));
    expect(parseFiql('updatestatus==unknown and controllerId==SHC*')).toEqual(
      and(compare('updatestatus', '==', 'unknown'), compare('controllerId', '==', 'SHC*')),
    );
    expect(parseFiql('name==*CCU* or description==*CCU*')).toEqual(
      or(compare('name', '==', '*CCU*'), compare('description', '==', '*CCU*')),
    );
    expect(parseFiql(`lastTargetQuery=gt=\${OVERDUE_TS}`)).toEqual(
      compare('lastTargetQuery', '=gt=', `\${OVERDUE_TS}`),
    );
    expect(parseFiql('ATTRIBUTE.test.n/a=is=null')).toEqual(present('ATTRIBUTE.test.n/a', false));
    expect(parseFiql('attribute.k=ne=null')).toEqual(present('attribute.k', true));
    expect(parseFiql('attribute.k=not=null2')).toEqual(compare('attribute.k', '!=', 'null2'));
    expect(parseFiql('attribute.k==null')).toEqual(compare('attribute.k', '==', 'null'));
    expect(parseFiql("description==''")).toEqual(compare('description', '==', ''));
  });

  test('with a backslash that escapes in quotes only', () => {
    // hawkBit's documentation of wildcards: "ccu\\*" is the text ccu*.
    expect(parseFiql(String.raw`name=="ccu\\*"`)).toEqual(compare('name', '==', String.raw`ccu\*`));
    expect(parseFiql(String.raw`name=="*\\*\*"`)).toEqual(compare('name', '==', String.raw`*\**`));
    expect(parseFiql(String.raw`name==ccu\*`)).toEqual(compare('name', '==', String.raw`ccu\*`));
    expect(parseFiql(String.raw`name=='it\'s'`)).toEqual(compare('name', '==', "it's"));
  });

  test('with operators and joints in any case, and white space between', () => {
    expect(parseFiql(' name =IN= ( a , b ) AND ( id < 3 ) Or id=GE=4\n')).toEqual(
      or(and(compare('name', '=in=', 'a', 'b'), compare('id', '=lt=', '3')), compare('id', '=ge=', '4')),
    );
  });
});

test('FIQL that is written is read back as the same filter', () => {
  fc.assert(
    fc.property(anyFilter(), (filter) => {
      expect(parseFiql(formatFiql(filter))).toEqual(filter);
    }),
  );
});

test('a field that FIQL has no spelling for is refused when it is to be written', () => {
  for (const field of ['', 'attribute.a b', 'attribute.a=b', 'attribute."']) {
    expect(() => formatFiql(compare(field, '==', 'x'))).toThrow('cannot be filtered by');
  }
});

describe('what is no FIQL is refused', () => {
  test.each([
    ['', 'filter, column 1: expected a field, such as controllerId, or "(", found the end'],
    ['name', 'filter, column 5: expected an operator (== != =lt= =le= =gt= =ge= =in= =out=), found the end'],
    ['name=li=x', 'filter, column 5: expected an operator (== != =lt= =le= =gt= =ge= =in= =out=), found "=li="'],
    ['name=x', 'filter, column 5: expected an operator (== != =lt= =le= =gt= =ge= =in= =out=), found "="'],
    ['name==', 'filter, column 7: expected a value, found the end'],
    ['name==a b', 'filter, column 9: expected ";" (and), "," (or) or the end, found "b"'],
    ['name==(a,b)', 'filter, column 9: expected ")", as this operator takes one value, found ","'],
    ['name=in=()', 'filter, column 10: expected a value, found ")"'],
    ['name=in=(a,b', 'filter, column 13: expected "," or ")", found the end'],
    ['(name==a', 'filter, column 9: expected ";" (and), "," (or) or ")", found the end'],
    ['name==a)', 'filter, column 8: expected ";" (and), "," (or) or the end, found ")"'],
    ['name==a;', 'filter, column 9: expected a field, such as controllerId, or "(", found the end'],
    ['naïve🦊=="a', 'filter, column 9: this quote is not closed'],
    ['name==a \u001b[31m', 'filter, column 9: expected ";" (and), "," (or) or the end, found "\\u{1b}[31m"'],
  ])('%j', (text, message) => {
    expect(refusal(text)).toEqual({ code: 'USAGE', message });
  });

  test('beyond its limits, and not one step before', () => {
    const nested = (depth: number) => `${'('.repeat(depth)}a==b${')'.repeat(depth)}`;
    expect(parseFiql(nested(32))).toEqual(compare('a', '==', 'b'));
    expect(refusal(nested(33))).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(parseFiql(Array(40).fill('(a==b)').join(';'))).toMatchObject({ kind: 'and' });

    const listed = (comparisons: number) => Array(comparisons).fill('a==b').join(',');
    expect(parseFiql(listed(1023))).toMatchObject({ kind: 'or' });
    expect(refusal(listed(1024))).toMatchObject({ code: 'LIMIT_EXCEEDED' });

    const long = (bytes: number) => `a==${'ü'.repeat((bytes - 3) / 2)}`;
    expect(parseFiql(`${long(16 * 1024 - 1)}x`)).toMatchObject({ kind: 'compare' });
    expect(refusal(long(16 * 1024 + 1))).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(refusal('a==b', { maxBytes: 3 })).toEqual({ code: 'LIMIT_EXCEEDED', message: 'filter: more than 3 bytes' });
  });

  test('with nothing but an OtaError, whatever the text', () => {
    const fragments = [
      '(',
      ')',
      ';',
      ',',
      '==',
      '=in=',
      '=is=',
      '<',
      '"',
      "'",
      '\\',
      'a',
      'null',
      ' and ',
      ' or ',
      ' ',
      '*',
      '\0',
      '🦊',
    ];
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.constantFrom(...fragments), { maxLength: 40 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (input) => {
        try {
          parseFiql(input);
        } catch (error) {
          expect(error).toBeInstanceOf(OtaError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
