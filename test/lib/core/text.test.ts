import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../../src/lib/core/canonical-json.js';
import { clipText, escapeText } from '../../../src/lib/core/text.js';

describe('escapeText', () => {
  test.each([
    ['an escape sequence', 'a\u001b[31mb', 'a\\u{1b}[31mb'],
    ['newline, return and tab', 'a\r\n\tb', 'a\\u{d}\\u{a}\\u{9}b'],
    ['DEL and C1, CSI among them', '\u007f\u009b2J', '\\u{7f}\\u{9b}2J'],
    ['a bidi override', 'gpj.\u202eexe', 'gpj.\\u{202e}exe'],
    ['bidi isolates and marks', '\u2066\u2069\u200e\u061c', '\\u{2066}\\u{2069}\\u{200e}\\u{61c}'],
    ['zero width', 'a\u200bb\u200dc\ufeff', 'a\\u{200b}b\\u{200d}c\\u{feff}'],
    ['line and paragraph separators', '\u2028\u2029', '\\u{2028}\\u{2029}'],
    ['tag characters', '\u{e0041}', '\\u{e0041}'],
    ['a lone surrogate', '\ud83d', '\\u{d83d}'],
    ['a filler that shows nothing', '\u3164', '\\u{3164}'],
  ])('shows %s', (_, text, shown) => {
    expect(escapeText(text)).toBe(shown);
  });

  test.each(['Motor 100 % – ready (é, 漢字, 😂)', 'C:\\fw\\a.bin', ''])('leaves %j as it is', (text) => {
    expect(escapeText(text)).toBe(text);
  });

  test('leaves nothing a terminal would obey, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const character of escapeText(text)) expect(obeyed(character.codePointAt(0)!)).toBe(false);
      }),
    );
  });
});

/** C0, DEL, C1; marks, separators and embeddings; isolates; byte order mark. */
function obeyed(point: number): boolean {
  const between = (first: number, last: number) => point >= first && point <= last;
  return (
    point < 0x20 ||
    between(0x7f, 0x9f) ||
    between(0x200b, 0x200f) ||
    between(0x2028, 0x202e) ||
    between(0x2060, 0x2069) ||
    point === 0xfeff
  );
}

test('what is clipped has a canonical form, wherever it is cut and whatever it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(40), (text, maxLength) => {
      const clipped = clipText(`\ud83d${text}`, maxLength);
      expect(clipped.length).toBeLessThanOrEqual(maxLength);
      expect(JSON.parse(canonicalJson(clipped).toString())).toBe(clipped);
    }),
  );
  expect(clipText('ab😀', 3)).toBe('ab\ufffd');
});
