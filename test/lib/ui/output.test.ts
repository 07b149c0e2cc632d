import { PassThrough, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { failureOf, failureText } from '../../../src/lib/ui/failure.js';
import { jsonText } from '../../../src/lib/ui/json-text.js';
import { ndjsonPrinter } from '../../../src/lib/ui/ndjson.js';
import { factsText, gridText, longGridText } from '../../../src/lib/ui/table.js';
import { isCi, isLiveTerminal, paint } from '../../../src/lib/ui/terminal.js';

const clock = { now: () => new Date('2026-01-02T03:04:05Z') };

describe('jsonText', () => {
  test('is the same value for a parser, on any text', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), fc.constantFrom(0, 2), (value, indent) => {
        expect(JSON.parse(jsonText(value, indent))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('shows what a terminal would obey or hide', () => {
    expect(jsonText({ name: 'a\u202eb\u009b\u200b\u{e0041}' }, 0)).toBe(
      String.raw`{"name":"a\u202eb\u009b\u200b\udb40\udc41"}`,
    );
  });
});

describe('ndjsonPrinter', () => {
  test('writes one event a line with type and time', async () => {
    const stream = new PassThrough();
    const print = ndjsonPrinter(stream, clock);
    expect(await print('started')).toBe(true);
    expect(await print('progress', { done: 1, note: 'a\nb' })).toBe(true);
    stream.end();
    expect(await text(stream)).toBe(
      '{"type":"started","time":"2026-01-02T03:04:05.000Z"}\n' +
        '{"type":"progress","time":"2026-01-02T03:04:05.000Z","done":1,"note":"a\\nb"}\n',
    );
  });

  test('waits for a slow reader', async () => {
    const pending: (() => void)[] = [];
    const slow = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, written) => pending.push(written) });
    let printed = false;
    const printing = ndjsonPrinter(
      slow,
      clock,
    )('event').then(() => {
      printed = true;
    });
    await new Promise(setImmediate);
    expect(printed).toBe(false);
    pending[0]!();
    await printing;
    expect(printed).toBe(true);
  });

  test('tells when nobody reads any more', async () => {
    const gone = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, written) => written(new Error('EPIPE')) });
    gone.on('error', () => {});
    const print = ndjsonPrinter(gone, clock);
    await print('event');
    await new Promise(setImmediate);
    expect(await print('event')).toBe(false);
    expect(gone.listenerCount('drain')).toBe(0);
  });
});

describe('tables', () => {
  test('facts stand below one another; unknown ones are left out', () => {
    expect(
      factsText([
        ['product', 'gw\u001b'],
        ['sequence', 7],
        ['vendor', undefined],
        ['version', '1.0.0'],
      ]),
    ).toBe('product   gw\\u{1b}\nsequence  7\nversion   1.0.0');
  });

  test('columns are as wide as their widest cell, wide characters counted', async () => {
    const grid = await gridText(
      ['file', 'bytes'],
      [
        ['app.bin', 10],
        ['漢字', 5],
        ['a\tb', 1],
      ],
    );
    expect(grid.split('\n')).toEqual(['file     bytes', 'app.bin  10', '漢字     5', 'a\\u{9}b  1']);
  });
});

describe('hostile tables', () => {
  test('one huge label does not pad every line', () => {
    const labels = ['z'.repeat(500_000), ...Array.from({ length: 40_000 }, (_, index) => `${index}`)];
    const printed = factsText(labels.map((label) => [label, 'x']));
    expect(printed.split('\n')).toHaveLength(labels.length);
    expect(printed.length).toBeLessThan(3_000_000);
  });

  test('lays out thousands of rows as it does a few, and escapes them', async () => {
    const few = [
      ['1', 'installed', ''],
      ['22', 'a\u001b[31mb', 'x'.repeat(200)],
    ];
    expect(longGridText(['n', 'event', 'why'], few)).toBe(await gridText(['n', 'event', 'why'], few));
    const many = longGridText(
      ['n', 'event'],
      Array.from({ length: 50_000 }, (_, index) => [index, 'reverted']),
    );
    expect(many.split('\n').at(-1)).toBe('49999  reverted');
  });

  test('a huge cell is cut, and so is one that grows by escapes', async () => {
    const grid = await gridText(['path', 'value'], [['界'.repeat(300_000), '\u200b'.repeat(300_000)]]);
    expect(grid).toContain('界…  \\u{200b}');
    expect(grid.length).toBeLessThan(1000);
  });
});

describe('failures', () => {
  test('of ours keep code, status and suggestions', () => {
    const failure = failureOf(new OtaError('BASE_MISMATCH', 'base.bin: wrong', ['Run `ota inspect`.']), 'ota');
    expect(failure).toEqual({
      code: 'BASE_MISMATCH',
      exitStatus: 5,
      message: 'base.bin: wrong',
      suggestions: ['Run `ota inspect`.'],
    });
    expect(failureText(failure)).toBe('error: base.bin: wrong\n  → Run `ota inspect`.');
  });

  test.each([new TypeError('x'), 'a string', undefined])('of any other kind are bugs: %s', (thrown) => {
    expect(failureOf(thrown, 'fleet')).toMatchObject({
      code: 'INTERNAL',
      exitStatus: 1,
      suggestions: ['Run again with FLEET_DEBUG=1 and report what it prints.'],
    });
  });
});

describe('the terminal', () => {
  const stream = { isTTY: true } as NodeJS.WriteStream;

  test.each([
    [{}, true],
    [{ CI: 'true' }, false],
    [{ CI: 'false' }, true],
    [{ TERM: 'dumb' }, false],
  ])('with %j is redrawn: %s', (environment, live) => {
    expect(isLiveTerminal(stream, environment)).toBe(live);
    expect(isLiveTerminal({}, environment)).toBe(false);
  });

  test('without a width is not redrawn: ora would clear lines for ever', () => {
    expect(isLiveTerminal({ isTTY: true, columns: 0 }, {})).toBe(false);
    expect(isLiveTerminal({ isTTY: true, columns: 80 }, {})).toBe(true);
  });

  test('shows colours only where they help', () => {
    expect(paint('red', 'x', stream, {})).toBe('\u001b[31mx\u001b[39m');
    expect(paint('red', 'x', stream, { NO_COLOR: '1' })).toBe('x');
    expect(paint('red', 'x', stream, { CI: '1' })).toBe('x');
    expect(paint('red', 'x', { isTTY: false } as NodeJS.WriteStream, {})).toBe('x');
  });

  test('CI is what CI services set', () => {
    expect([{ CI: '1' }, { CI: 'true' }, { CI: '' }, { CI: '0' }, {}].map(isCi)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
