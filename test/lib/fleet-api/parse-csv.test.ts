import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { parseCsv } from '../../../src/lib/fleet-api/parse-csv.js';
import { csvLine } from '../../../src/lib/ui/csv-text.js';

const rows = (text: string) => [...parseCsv(text, 'f.csv')];
const cells = (text: string) => rows(text).map((row) => row.cells);

describe('parseCsv', () => {
  test('reads what csvLine writes, whatever is in the cells and however lines end', () => {
    const cell = fc.stringMatching(/^[a "',;\r\n\té😀]*$/u);
    const table = fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { maxLength: 5 });
    fc.assert(
      fc.property(table, fc.constantFrom('\n', '\r\n'), fc.boolean(), (lines, end, isEnded) => {
        const text = lines.map(csvLine).join(end) + (isEnded ? end : '');
        expect(cells(text)).toEqual(lines);
      }),
    );
  });

  test('tells the line where a row begins, also behind cells that go over several', () => {
    expect(rows('\ufeffa,"b\n\nc"\n\nd,e\n')).toEqual([
      { line: 1, cells: ['a', 'b\n\nc'] },
      { line: 5, cells: ['d', 'e'] },
    ]);
    expect(cells('a,\n,"",\r\n')).toEqual([
      ['a', ''],
      ['', '', ''],
    ]);
  });

  test.each([
    ['a,b"c', 'line 1, column 4'],
    ['a\n"b"c', 'line 2, column 4'],
    ['a\n😀,"b', 'line 2, column 4'],
    ['"a\nb" ,c', 'line 2, column 3'],
    ['a\rb', 'line 1, column 2'],
  ])('refuses %j at %s', (text, where) => {
    let error: unknown;
    try {
      rows(text);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(OtaError);
    expect(error).toMatchObject({ code: 'MESSAGE_INVALID', message: expect.stringContaining(`f.csv: ${where}:`) });
  });
});
