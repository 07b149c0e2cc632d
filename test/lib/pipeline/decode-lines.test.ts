import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Chaskey } from '../../../src/lib/dedupe/chaskey.js';
import { derivedKey, messageKeyer } from '../../../src/lib/dedupe/message-key.js';
import { type DecodeOptions, lineDecoder } from '../../../src/lib/pipeline/decode-lines.js';
import type { DecodedBatch } from '../../../src/lib/pipeline/decoded-batch.js';
import { derivedId } from '../../../src/lib/telemetry/derived-id.js';
import { jsonStringText } from '../../../src/lib/telemetry/json-text.js';
import { MAX_ID_BYTES, MAX_LINE_BYTES } from '../../../src/lib/telemetry/message.js';

const SECRET = Uint8Array.from({ length: 16 }, (_, i) => i);
const keyer = messageKeyer(SECRET);

function decode(lines: readonly (string | Uint8Array)[], options: Partial<DecodeOptions> = {}, firstLine = 1) {
  const bytes = Buffer.concat(lines.flatMap((line) => [Buffer.from(line as string), Buffer.from('\n')]));
  const decoder = lineDecoder({ secret: SECRET, missingId: 'refuse', digestBytes: 0, digestIgnore: [], ...options });
  return decoder({ bytes, firstLine });
}

const textOf = (batch: DecodedBatch, start: number, end: number) =>
  Buffer.from(batch.bytes.subarray(start, end)).toString('utf8');

/** What came out of a batch, message by message. */
function messagesOf(batch: DecodedBatch) {
  return Array.from({ length: batch.count }, (_, i) => ({
    line: textOf(batch, batch.starts[i]!, batch.ends[i]!),
    id: jsonStringText(batch.bytes, batch.idStarts[i]!, batch.idEnds[i]!),
    key: batch.keys.slice(4 * i, 4 * i + 4),
    digest: batch.digests.slice(2 * i, 2 * i + 2).join(),
    time: batch.timestamps[i]!,
  }));
}

function rejectsOf(batch: DecodedBatch) {
  return batch.rejects.map(({ line, start, end, cause }) => ({ line, text: textOf(batch, start, end), cause }));
}

const idOf = (lines: readonly string[], options: Partial<DecodeOptions> = {}) =>
  messagesOf(decode(lines, options))[0]?.id;
const digestOf = (line: string, ignored: readonly string[] = []) =>
  messagesOf(decode([line], { digestBytes: 8, digestIgnore: ignored }))[0]!.digest;
const causeOf = (line: string | Uint8Array, options: Partial<DecodeOptions> = {}) =>
  decode([line], options).rejects[0]?.cause;

describe('A batch', () => {
  const id = fc.oneof(fc.uuid(), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }));
  const time = fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true });
  const spaced = (text: string, space: string) => `${space}${text}${space}`;
  const message = fc
    .tuple(id, time, fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom('', ' ', '\r'))
    .map(([messageId, date, rest, space]) => {
      const { messageId: _, timestamp: __, ...others } = rest;
      return spaced(JSON.stringify({ ...others, timestamp: date.toISOString(), messageId }), space);
    });
  const anyLine = fc.oneof(
    { weight: 4, arbitrary: message },
    fc.constantFrom('{"speed":1}', '{}', '', ' \t\r', '[1]', '{"messageId":7}', '{"messageId":"a"', 'nonsense'),
  );

  test('holds each message as it came, with its id, key and time, and each other line with its number', () => {
    fc.assert(
      fc.property(fc.array(anyLine), fc.integer({ min: 1, max: 1e9 }), (lines, firstLine) => {
        const batch = decode(lines, {}, firstLine);
        const messages = messagesOf(batch);
        const rejects = rejectsOf(batch);
        for (const [i, line] of lines.entries()) {
          if (line.trim() === '') continue;
          const value = parsed(line);
          if (typeof value?.messageId === 'string') {
            expect(messages.shift()).toEqual({
              line: `${line}\n`,
              id: value.messageId,
              key: keyer.keyOf(value.messageId),
              digest: '',
              time: Date.parse(value.timestamp as string),
            });
          } else {
            expect(rejects.shift()).toMatchObject({ line: firstLine + i, text: line });
          }
        }
        expect([messages, rejects]).toEqual([[], []]);
      }),
    );
  });

  test('with derived ids reads back as the same messages with the same keys and digests', () => {
    fc.assert(
      fc.property(fc.array(anyLine), (lines) => {
        const options = { digestBytes: 8 } as const;
        const batch = decode(lines, { ...options, missingId: 'derive' });
        const messages = messagesOf(batch);
        const again = decode(
          [
            Buffer.from(
              messages
                .map(({ line }) => line)
                .join('')
                .slice(0, -1),
            ),
          ],
          options,
        );
        expect(messagesOf(again)).toEqual(messages);
        expect(batch.derivedIds).toBe(lines.filter((line) => ['{}', '{"speed":1}'].includes(line)).length);
        expect(batch.count + batch.rejects.length).toBe(lines.filter((line) => line.trim() !== '').length);
        for (const { line, text } of rejectsOf(batch)) expect(text).toBe(lines[line - 1]);
      }),
    );
  });

  test('does not depend on how the lines were cut into chunks', () => {
    fc.assert(
      fc.property(fc.array(fc.array(anyLine)), (chunks) => {
        const options = { digestBytes: 8, missingId: 'derive' } as const;
        const parts = chunks.map((lines) => messagesOf(decode(lines, options)));
        expect(messagesOf(decode(chunks.flat(), options))).toEqual(parts.flat());
      }),
    );
  });

  test('grows beyond what its bytes seemed to hold', () => {
    const lines = Array.from({ length: 5000 }, (_, i) => `{"messageId":"${i}"}`);
    const messages = messagesOf(decode(lines, { digestBytes: 8 }));
    expect(messages.map(({ id }) => id)).toEqual(lines.map((_, i) => String(i)));
    for (const { id: text, key, time: ms } of messages) {
      expect(key).toEqual(keyer.keyOf(text));
      expect(ms).toBeNaN();
    }
  });

  test('of nothing is empty, and half a line is not taken', () => {
    expect(decode([])).toMatchObject({ count: 0, rejects: [], derivedIds: 0 });
    const decoder = lineDecoder({ secret: SECRET, missingId: 'refuse', digestBytes: 0, digestIgnore: [] });
    expect(() => decoder({ bytes: Buffer.from('{"messageId":"a"}'), firstLine: 1 })).toThrow(RangeError);
  });
});

describe('An id', () => {
  test.each([
    ['\\u0061bc', 'abc'],
    ['a\\/b', 'a/b'],
    ['gr\\u00f6\\u00DFe', 'größe'],
    ['\\ud83d\\ude00', '😀'],
    ['0\\u0030112233-4455-6677-8899-AABBCCDDEEFF', '00112233-4455-6677-8899-aabbccddeeff'],
  ])('%s is the same as %s', (written, plain) => {
    const [escaped, unescaped] = messagesOf(decode([`{"messageId":"${written}"}`, `{"messageId":"${plain}"}`]));
    expect(escaped!.key).toEqual(unescaped!.key);
  });

  test('may stand anywhere and be named with escapes', () => {
    expect(idOf(['{"a":{"messageId":"no"},"m\\u0065ssageId":"yes","b":[{"messageId":"no"}]}'])).toBe('yes');
  });

  test.each([
    ['{"messageId":"a","x":1,"messageId":"a"}', 'several messageId members'],
    ['{"messageId":"a","x":1,"messageI\\u0064":"b"}', 'several messageId members'],
    [
      '{"\\u006d\\u0065\\u0073\\u0073\\u0061\\u0067\\u0065\\u0049\\u0064":"b","messageId":"a"}',
      'several messageId members',
    ],
    ['{"messageId":7}', 'messageId is no text'],
    ['{"messageId":null}', 'messageId is no text'],
    ['{"messageId":["a"]}', 'messageId is no text'],
    ['{"messageId":""}', 'messageId is empty'],
    ['{"messageId":"a\\ud800"}', 'messageId holds half a surrogate pair'],
    ['{"speed":80}', 'no messageId'],
    ['{"messageid":"a"}', 'no messageId'],
    ['[{"messageId":"a"}]', 'no JSON object at byte 1'],
    [' {"messageId":"a"', 'expected , or } at byte 18'],
    ['{"messageId":"a"}{}', 'text behind the JSON object at byte 18'],
    [Uint8Array.of(...Buffer.from('{"messageId":"'), 0xe9, 0x22, 0x7d), 'not UTF-8 at byte 15'],
  ])('in %s is refused', (line, cause) => {
    expect(causeOf(line)).toBe(cause);
    expect(decode([line]).count).toBe(0);
  });

  test('has a longest form, whatever way it is written', () => {
    const cause = `messageId is longer than ${MAX_ID_BYTES} bytes`;
    for (const [written, bytes] of [
      ['x', 1],
      ['é', 2],
      ['😀', 4],
      ['\\u0078', 1],
      ['\\u00e9', 2],
      ['\\ud83d\\ude00', 4],
    ] as const) {
      const line = (count: number) => `{"messageId":"${written.repeat(count)}"}`;
      expect([written, causeOf(line(MAX_ID_BYTES / bytes))]).toEqual([written, undefined]);
      expect([written, causeOf(line(MAX_ID_BYTES / bytes + 1))]).toEqual([written, cause]);
      expect([written, causeOf(line(80_000))]).toEqual([written, cause]);
    }
  });
});

describe('A derived id', () => {
  const derive = { missingId: 'derive' } as const;

  test('is that of the bytes without white space around them, and stands first', () => {
    const id = derivedId(Buffer.from('{"speed": 80}'));
    for (const line of ['{"speed": 80}', ' \t{"speed": 80}\r']) {
      const [message] = messagesOf(decode([line], derive));
      expect(message).toMatchObject({ id, line: `${line.replace('{', `{"messageId":"${id}",`)}\n` });
    }
    expect(idOf(['{"speed":80}'], derive)).not.toBe(id);
    expect(messagesOf(decode(['{}'], derive))[0]!.line).toBe(`{"messageId":"${derivedId(Buffer.from('{}'))}"}\n`);
  });

  test('is not made where there is a messageId that is none', () => {
    for (const line of ['{"messageId":null}', '{"messageId":""}', '{"messageId":"a","messageId":"b"}']) {
      expect(decode([line], derive)).toMatchObject({ count: 0, derivedIds: 0 });
    }
  });

  test('leaves the line short enough to be read again', () => {
    const line = (length: number) => `{"x":"${'y'.repeat(length - 8)}"}`;
    const longest = messagesOf(decode([line(MAX_LINE_BYTES - 51)], derive))[0]!.line;
    expect(longest.length).toBe(MAX_LINE_BYTES + 1);
    expect(messagesOf(decode([longest.slice(0, -1)]))[0]!.line).toBe(longest);
    expect(causeOf(line(MAX_LINE_BYTES - 50), derive)).toBe(`longer than ${MAX_LINE_BYTES} bytes with a derived id`);
  });
});

test('A line beyond the limit is refused for its length, whole or cut off', () => {
  const cause = `longer than ${MAX_LINE_BYTES} bytes`;
  const line = `{"messageId":"a","x":"${'y'.repeat(MAX_LINE_BYTES)}"}`;
  const batch = decode([line, '{"messageId":"b"}', line.slice(0, MAX_LINE_BYTES + 1)]);
  expect(batch.rejects.map((reject) => [reject.line, reject.cause])).toEqual([
    [1, cause],
    [3, cause],
  ]);
  expect(messagesOf(batch)).toMatchObject([{ id: 'b' }]);
});

test('Of two timestamps the last one counts, and a time that cannot be read is none', () => {
  const timeOf = (line: string) => messagesOf(decode([line]))[0]!.time;
  expect(timeOf('{"messageId":"a","timestamp":1,"timestamp":2}')).toBe(2);
  expect(timeOf('{"messageId":"a","timestamp":1,"t\\u0069mestamp":"yesterday"}')).toBeNaN();
});

describe('A payload digest', () => {
  const members = fc.uniqueArray(fc.tuple(fc.string(), fc.jsonValue()), { selector: ([name]) => name });
  const lineOf = (entries: readonly (readonly [string, unknown])[], id: string, at = 0) => {
    const texts = entries
      .filter(([name]) => name !== 'messageId')
      .map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
    return `{${texts.toSpliced(at, 0, `"messageId":"${id}"`).join(',')}}`;
  };

  test('depends neither on the order of the members nor on the id', () => {
    const shuffled = members.chain((entries) =>
      fc.tuple(fc.constant(entries), fc.shuffledSubarray(entries, { minLength: entries.length }), fc.nat({ max: 9 })),
    );
    fc.assert(
      fc.property(shuffled, ([entries, others, at]) => {
        expect(digestOf(lineOf(entries, 'a'))).toBe(digestOf(lineOf(others, 'b', at)));
      }),
    );
  });

  test('depends on every name and every value', () => {
    fc.assert(
      fc.property(members, members, (some, others) => {
        const isSame = (entries: typeof some) => JSON.stringify(entries.map((entry) => JSON.stringify(entry)).sort());
        fc.pre(isSame(some) !== isSame(others));
        fc.pre(!some.concat(others).some(([name]) => name === 'messageId'));
        expect(digestOf(lineOf(some, 'a'))).not.toBe(digestOf(lineOf(others, 'a')));
      }),
    );
  });

  test('is the documented sum of codes', () => {
    const mac = new Chaskey(derivedKey(SECRET, 'key of payload digests'));
    fc.assert(
      fc.property(members, (entries) => {
        const line = lineOf(entries, 'a', 99);
        const sum = entries
          .filter(([name]) => name !== 'messageId')
          .map(([name, value]) => Buffer.from(`${JSON.stringify(name)}:${JSON.stringify(value)}`))
          .map((member) => new BigUint64Array(mac.mac(member, 0, member.length).slice(0, 2).buffer)[0]!)
          .reduce((total, code) => BigInt.asUintN(64, total + code), 0n);
        expect(digestOf(line)).toBe(`${sum & 0xffff_ffffn},${sum >> 32n}`);
      }),
    );
  });

  test('tells values that changed places, and members that stand there twice', () => {
    const digests = ['"a":1,"b":2', '"a":2,"b":1', '"a":1', '"a":1,"a":1', '"a":1,"a":1,"a":1', '"a1":""', '"a":"1"'];
    expect(new Set(digests.map((text) => digestOf(`{"messageId":"x",${text}}`))).size).toBe(digests.length);
  });

  test('leaves out what it is told to, also where the name is written with escapes', () => {
    const digest = digestOf('{"messageId":"x","speed":80}', ['attempt', 'größe']);
    expect(digestOf('{"attempt":3,"messageId":"x","speed":80}', ['attempt', 'größe'])).toBe(digest);
    expect(digestOf('{"messageId":"x","speed":80,"\\u0061ttempt":9}', ['attempt', 'größe'])).toBe(digest);
    expect(digestOf('{"messageId":"x","speed":80,"größe":9}', ['attempt', 'größe'])).toBe(digest);
    expect(digestOf('{"messageId":"x","speed":80,"retry":9}', ['attempt', 'größe'])).not.toBe(digest);
    expect(digestOf('{"messageId":"x","speed":80,"attempt":9}')).not.toBe(digest);
  });

  test('is the same on every machine and in every version, and another one under another secret', () => {
    const line = '{"messageId":"x","deviceId":"truck-7","timestamp":1790000000123,"speed":80}';
    expect(digestOf(line)).toMatchInlineSnapshot(`"3473241425,1072045513"`);
    const other = lineDecoder({ secret: new Uint8Array(16), missingId: 'refuse', digestBytes: 8, digestIgnore: [] });
    expect(messagesOf(other({ bytes: Buffer.from(`${line}\n`), firstLine: 1 }))[0]!.digest).not.toBe(digestOf(line));
  });
});

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
