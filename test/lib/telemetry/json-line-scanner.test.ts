import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ESCAPES,
  JsonLineScanner,
  MEMBER_STRIDE,
  memberName,
  NAME_END,
  NAME_ESCAPES,
  NAME_START,
  VALUE_END,
  VALUE_ESCAPES,
  VALUE_START,
} from '../../../src/lib/telemetry/json-line-scanner.js';
import { jsonStringText } from '../../../src/lib/telemetry/json-text.js';
import { MAX_DEPTH, MAX_LINE_BYTES } from '../../../src/lib/telemetry/message.js';
import { INVALID_JSON, VALID_JSON } from '../../support/json-vectors.js';

const LINE_FEED = Buffer.from('\n');
const scanner = new JsonLineScanner();

/** Scans a line that stands between two others. */
function scan(line: Uint8Array): { isValid: boolean; members: [string, unknown][] } {
  const before = Buffer.from('{"before":1}\n');
  const bytes = Buffer.concat([before, line, LINE_FEED, Buffer.from('{"behind":1}\n')]);
  const end = scanner.scan(bytes, before.length);
  if (end < 0) {
    expect(scanner.causeAt).toBeGreaterThanOrEqual(before.length);
    expect(scanner.causeAt).toBeLessThanOrEqual(before.length + line.length);
    return { isValid: false, members: [] };
  }
  expect(end).toBe(before.length + line.length);
  const members = Array.from({ length: scanner.memberCount }, (_, i): [string, unknown] => {
    const column = (which: number) => scanner.members[i * MEMBER_STRIDE + which]!;
    const name = jsonStringText(bytes, column(NAME_START), column(NAME_END));
    const value = bytes.toString('utf8', column(VALUE_START), column(VALUE_END));
    const rawName = bytes.toString('utf8', column(NAME_START), column(NAME_END));
    const isString = value.startsWith('"');
    expect((column(ESCAPES) & NAME_ESCAPES) !== 0).toBe(rawName.includes('\\'));
    expect((column(ESCAPES) & VALUE_ESCAPES) !== 0).toBe(isString && value.includes('\\'));
    return [name, JSON.parse(value)];
  });
  return { isValid: true, members };
}

/** The object that JSON.parse reads after strict decoding. */
function parsed(line: Uint8Array): object | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function expectSameVerdict(line: Uint8Array): void {
  const judge = parsed(line);
  const { isValid, members } = scan(line);
  expect([line.toString(), isValid]).toEqual([line.toString(), judge !== undefined]);
  if (judge !== undefined) expect(fromMembers(members)).toEqual(judge);
}

/** As JSON.parse does it: the last of equal names counts, and `__proto__` is a name like others. */
function fromMembers(members: [string, unknown][]): object {
  const object = {};
  for (const [name, value] of members) {
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  }
  return object;
}

const isObject = (text: string) => /^\s*\{/.test(text);

describe('The scanner accepts what JSON.parse accepts as an object', () => {
  test.each(VALID_JSON.filter(isObject))('%j', (text) => {
    expect(scan(Buffer.from(text)).isValid).toBe(true);
    expectSameVerdict(Buffer.from(text));
  });

  test.each(VALID_JSON.filter((text) => !text.includes('\n')))('%j as a member', (text) => {
    const line = Buffer.from(`{"a":${text}}`);
    expect(scan(line).isValid).toBe(true);
    expectSameVerdict(line);
  });

  test('for any value, with and without white space', () => {
    const anyObject = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' }));
    fc.assert(
      fc.property(anyObject, fc.constantFrom('', ' ', '\t', '\r', ' \r\t'), (object, space) => {
        const text = JSON.stringify(object, null, space).replaceAll('\n', '\r');
        expectSameVerdict(Buffer.from(`${space}${text}${space}`));
      }),
      { numRuns: 500 },
    );
  });

  test('for strings with any escapes', () => {
    const part = fc.oneof(
      fc.constantFrom(...['"', '\\', '/', 'b', 'f', 'n', 'r', 't'].map((letter) => `\\${letter}`)),
      fc.integer({ min: 0, max: 0xffff }).map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`),
      fc.string({ unit: 'grapheme', maxLength: 3 }).map((text) => JSON.stringify(text).slice(1, -1)),
    );
    const string = fc.array(part, { maxLength: 6 }).map((parts) => `"${parts.join('')}"`);
    fc.assert(
      fc.property(string, string, string, (a, b, c) => {
        expectSameVerdict(Buffer.from(`{${a}:[${b}],${b} : ${c},"z":{${c}:${a}}}`));
      }),
      { numRuns: 500 },
    );
  });
});

describe('The scanner refuses what JSON.parse refuses', () => {
  test.each(INVALID_JSON)('%j', (text) => {
    const bytes = typeof text === 'string' ? Buffer.from(text) : Buffer.from(text);
    expect(scan(bytes).isValid).toBe(false);
    expect(scan(Buffer.concat([Buffer.from('{"a":'), bytes, Buffer.from('}')])).isValid).toBe(false);
    expectSameVerdict(bytes);
  });

  test.each(VALID_JSON.filter((text) => !isObject(text)))('and %j, which is no object', (text) => {
    expect(scan(Buffer.from(text)).isValid).toBe(false);
  });

  test('for any line that was changed at a few places', () => {
    const punctuation = fc.constantFrom(...'{}[]",:\\u09.-+eE \t\rtruefalsnx\0\x7f');
    const change = fc.record({
      at: fc.nat(),
      kind: fc.constantFrom('replace', 'insert', 'remove', 'swap'),
      byte: fc.oneof(
        punctuation.map((text) => text.charCodeAt(0)),
        fc.integer({ min: 0, max: 255 }),
      ),
    });
    const anyObject = fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 5 }), fc.jsonValue({ maxDepth: 3 }));
    fc.assert(
      fc.property(anyObject, fc.array(change, { minLength: 1, maxLength: 3 }), (object, changes) => {
        const line = [...Buffer.from(JSON.stringify(object))];
        for (const { at, kind, byte } of changes) {
          const index = at % line.length;
          if (kind === 'replace') line[index] = byte;
          if (kind === 'insert') line.splice(index, 0, byte);
          if (kind === 'remove' && line.length > 1) line.splice(index, 1);
          if (kind === 'swap') line.push(...line.splice(index, 1));
        }
        expectSameVerdict(Buffer.from(line.map((byte) => (byte === 0x0a ? 0x20 : byte))));
      }),
      { numRuns: 4000 },
    );
  });

  test('at every sequence of two bytes, and every three and four that begin a character, in a string', () => {
    for (let first = 0; first < 256; first++) {
      for (let second = 0; second < 256; second++) {
        if (first === 0x0a || second === 0x0a) continue;
        for (const tail of first < 0xe0 ? ['22'] : ['22', '8022', 'bf22', 'c022', '808022', 'bfbf22', '807f22']) {
          const line = Buffer.from(`7b2261223a22${Buffer.of(first, second).toString('hex')}${tail}7d`, 'hex');
          if (scan(line).isValid !== (parsed(line) !== undefined)) expect(line.toString('hex')).toBe('judged alike');
        }
      }
    }
  });

  test('wherever a line is cut off', () => {
    const line = Buffer.from('{"a":[1.5e-3,{"b":"\\u00e9\\n→"},true,false,null,[]], "c":{}}');
    for (let length = 0; length < line.length; length++) {
      expect([length, scan(line.subarray(0, length)).isValid]).toEqual([length, false]);
    }
    expectSameVerdict(line);
  });
});

describe('Limits', () => {
  test.each([
    ['arrays', '[', '1', ']'],
    ['arrays behind empty ones', '[[],{},', '1', ']'],
    ['objects', '{"a":', '1', '}'],
    ['objects behind others', '{"a":{},"b":', '1', '}'],
  ])('nesting of %s ends at the stated depth', (_, open, middle, close) => {
    const nested = (levels: number) =>
      Buffer.from(`{"a":${open.repeat(levels - 2)}{"b":${middle}}${close.repeat(levels - 2)}}`);
    expect(scan(nested(MAX_DEPTH)).isValid).toBe(true);
    expect(scan(nested(MAX_DEPTH + 1)).isValid).toBe(false);
    expect(scanner.cause).toBe(`nested deeper than ${MAX_DEPTH} levels`);
  });

  test('a line of a mebibyte is the longest', () => {
    const line = (length: number) => Buffer.from(`{"a":"${'x'.repeat(length - 8)}"}`);
    expect(scan(line(MAX_LINE_BYTES)).isValid).toBe(true);
    expect(scan(line(MAX_LINE_BYTES + 1)).isValid).toBe(false);
    const spaced = Buffer.concat([line(9), Buffer.alloc(MAX_LINE_BYTES - 8, ' ')]);
    expect(scan(spaced).isValid).toBe(false);
    expect(scanner.cause).toBe(`longer than ${MAX_LINE_BYTES} bytes`);
  });

  test('members beyond the limit of a line are not even collected', () => {
    const line = Buffer.from(`{${'"":0,'.repeat(1_000_000)}"":0}`);
    const fresh = new JsonLineScanner();
    expect(fresh.scan(Buffer.concat([line, LINE_FEED]), 0)).toBe(-1);
    expect(fresh.memberCount).toBeLessThanOrEqual(MAX_LINE_BYTES / 5);
  });
});

test.each([
  ['messageId', 'messageId', true],
  ['\\u006dessageId', 'messageId', true],
  ['messageI\\u0064', 'messageId', true],
  ['\\u006d\\u0065\\u0073\\u0073\\u0061\\u0067\\u0065\\u0049\\u0064', 'messageId', true],
  ['messageid', 'messageId', false],
  ['messageId\\u0000', 'messageId', false],
  ['messageIdx', 'messageId', false],
  ['', 'messageId', false],
  ['größe', 'größe', true],
  ['gr\\u00f6\\u00dfe', 'größe', true],
  ['\\ud800', '\ufffd', false],
])('The name %s is %s: %s', (written, name, expected) => {
  const bytes = Buffer.from(`{"${written}":1}\n`);
  expect(scanner.scan(bytes, 0)).toBe(bytes.length - 1);
  expect(scanner.isNamed(bytes, 0, memberName(name))).toBe(expected);
});
