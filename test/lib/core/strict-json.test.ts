import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../../src/lib/core/canonical-json.js';
import { type JsonValue, parseStrictJson } from '../../../src/lib/core/strict-json.js';

const parse = (text: string | Uint8Array, options = {}) =>
  parseStrictJson(Buffer.from(text as string), { name: 'x.json', maxBytes: 4 * 1024 * 1024, ...options });

/** Values JSON can hold without loss: no −0, no whole number beyond ±(2^53−1), no lone surrogate, depth ≤ 32. */
const jsonValue = fc
  .jsonValue({ maxDepth: 6, stringUnit: 'binary' })
  .filter((value) => !/-0[,\]}]|-0$/.test(JSON.stringify(value)))
  .map((value) => JSON.parse(JSON.stringify(value), (_, item) => (isSafe(item) ? item : 0)) as JsonValue);
const isSafe = (item: unknown) =>
  typeof item !== 'number' || (!Object.is(item, -0) && (!Number.isInteger(item) || Number.isSafeInteger(item)));

describe('parseStrictJson accepts what is unambiguous', () => {
  test('and reads canonical bytes as JSON.parse does', () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        const bytes = canonicalJson(value);
        expect(parse(bytes)).toEqual(JSON.parse(bytes.toString()));
        expect(canonicalJson(parse(bytes))).toEqual(bytes);
      }),
      { numRuns: 500 },
    );
  });

  test('and reads indented text as JSON.parse does', () => {
    fc.assert(
      fc.property(jsonValue, fc.constantFrom(1, 2, '\t', '\r\n'), (value, indent) => {
        const text = JSON.stringify(value, null, indent).replaceAll('/', '\\/');
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  test('and never accepts what JSON.parse refuses, nor reads it otherwise', () => {
    const fragments = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '"a"',
      '\\u00e9',
      '1',
      '-',
      '.5',
      'e3',
      'true',
      'nul',
      ' ',
      '\n',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...fragments), { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        let value: JsonValue;
        try {
          value = parse(text);
        } catch (error) {
          expect(error).toMatchObject({ code: 'JSON_INVALID' });
          return;
        }
        expect(value).toEqual(JSON.parse(text));
      }),
      { numRuns: 5000 },
    );
  });

  test.each([
    ['the largest safe integer', '9007199254740991', Number.MAX_SAFE_INTEGER],
    ['the smallest safe integer', '-9007199254740991', Number.MIN_SAFE_INTEGER],
    ['a surrogate pair written as escapes', '"\\ud83d\\ude02"', '😂'],
    ['keys that plain objects inherit', '{"constructor":1,"toString":2}', { constructor: 1, toString: 2 }],
    [
      'the deepest nesting allowed',
      `${'['.repeat(32)}${']'.repeat(32)}`,
      JSON.parse(`${'['.repeat(32)}${']'.repeat(32)}`),
    ],
  ])('%s', (_, text, value) => {
    expect(parse(text)).toEqual(value);
  });
});

describe('parseStrictJson refuses what two readers could understand differently', () => {
  test.each([
    // refusal catalogue 9
    ['a duplicate key', '{"a":1,\n "b":2, "a":3}', 'x.json:2:9: duplicate key "a"'],
    ['a duplicate key in another spelling', String.raw`{"a":1,"\u0061":2}`, 'x.json:1:8: duplicate key "a"'],
    ['__proto__', '{"__proto__":{"admin":true}}', 'x.json:1:2: the key "__proto__" is not allowed'],
    [
      '__proto__ in another spelling',
      String.raw`{"\u005f_proto__":1}`,
      'x.json:1:2: the key "__proto__" is not allowed',
    ],
    // 10
    ['a byte order mark', '\ufeff{}', 'x.json:1:1: a byte order mark is not allowed'],
    ['a lone high surrogate', String.raw`["é", "\ud83d"]`, 'x.json:1:7: lone surrogate in a string'],
    ['a lone low surrogate', String.raw`"\ude02\ud83d"`, 'x.json:1:1: lone surrogate in a string'],
    ['a lone surrogate in a key', String.raw`{"\ud83d":1}`, 'x.json:1:2: lone surrogate in a string'],
    // 11
    ['an integer beyond 2^53−1', '[9007199254740992]', 'x.json:1:2: the whole number lies beyond ±9007199254740991'],
    [
      'a fraction that rounds beyond it',
      '9007199254740992.5',
      'x.json:1:1: the whole number lies beyond ±9007199254740991',
    ],
    ['a number that overflows', '1e400', 'x.json:1:1: the number is too large'],
    ['−0', '{"n":-0}', 'x.json:1:6: −0 is not allowed'],
    ['−0 as a fraction', '-0.0', 'x.json:1:1: −0 is not allowed'],
    ['−0 by underflow', '-1e-400', 'x.json:1:1: −0 is not allowed'],
    // no JSON at all
    ['nothing', '', 'x.json:1:1: expected a value, got the end of the text'],
    ['trailing bytes', '{}\n{}', 'x.json:2:1: expected the end after the value'],
    ['a trailing comma', '[1,]', 'x.json:1:4: expected a value'],
    ['a trailing comma in an object', '{"a":1,}', 'x.json:1:8: expected a key in double quotes'],
    ['a comment', '{} // x', 'x.json:1:4: expected the end after the value'],
    ['a leading zero', '01', 'x.json:1:2: expected the end after the value'],
    ['a control character in a string', '"a\tb"', 'x.json:1:3: control character in a string'],
    ['an unknown escape', String.raw`"\x41"`, 'x.json:1:2: unknown escape in a string'],
    ['a string that does not end', '"abc', 'x.json:1:5: the string does not end, got the end of the text'],
    ['a NUL after the value', '{}\0', 'x.json:1:3: expected the end after the value'],
    ['NaN', 'NaN', 'x.json:1:1: expected a value'],
  ])('%s', (_, text, message) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'JSON_INVALID', message }));
  });

  test.each([
    ['an overlong form', [0x22, 0xc0, 0xaf, 0x22], 1],
    ['a surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22], 1],
    ['a cut sequence', [0x22, 0x61, 0xe2, 0x82], 4],
    ['a stray byte after valid ones', [...Buffer.from('"é'), 0xff, 0x22], 3],
  ])('invalid UTF-8: %s', (_, bytes, at) => {
    // the byte named is at most one sequence away, and never beyond the text
    expect(() => parse(Uint8Array.from(bytes))).toThrow(
      expect.objectContaining({
        code: 'JSON_INVALID',
        message: expect.stringMatching(/^x\.json: not UTF-8 at byte \d$/),
      }),
    );
    expect(() => parse(Uint8Array.from(bytes))).toThrow(new RegExp(`at byte [${at - 1}-${at + 1}]$`));
  });

  test('the name in the message is escaped', () => {
    expect(() => parse('', { name: 'a\u001b[2J' })).toThrow(/^a\\u\{1b\}\[2J:1:1: /);
  });
});

describe('parseStrictJson keeps to its limits', () => {
  test('one byte more than allowed', () => {
    expect(parse('[1]', { maxBytes: 3 })).toEqual([1]);
    expect(() => parse('[12]', { maxBytes: 3 })).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
  });

  test.each(['[]', '{}', '1', '""'])('more values than memory allows, of %s', (value) => {
    const many = `[${Array(65_535).fill(value).join(',')}]`;
    expect(parseStrictJson(Buffer.from(many), { name: 'x.json', maxBytes: 1024 ** 2 })).toHaveLength(65_535);
    const more = `[${value},${many.slice(1)}`;
    expect(() => parseStrictJson(Buffer.from(more), { name: 'x.json', maxBytes: 1024 ** 2 })).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED', message: expect.stringContaining('more than 65536 values') }),
    );
  });

  test.each(['[', '{"a":'])('nesting deeper than allowed with %s', (opening) => {
    const message = `x.json:1:${32 * opening.length + 1}: nested deeper than 32 levels`;
    expect(() => parse(opening.repeat(33))).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED', message }));
  });

  test('a million open brackets need no stack', () => {
    expect(() => parse('['.repeat(1_000_000), { maxDepth: 2_000_000, maxValues: 2_000_000 })).toThrow(
      /got the end of the text$/,
    );
  });

  test('many keys take time in proportion', () => {
    const text = `{${Array.from({ length: 60_000 }, (_, index) => `"key${index}":${index}`).join(',')}}`;
    expect(Object.keys(parse(text) as object)).toHaveLength(60_000);
  });
});
