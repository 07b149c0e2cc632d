import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { POINTER_32 } from '../../../../src/lib/delta/predict/pointers.js';
import { CALL, findXtensa, JUMP, LITERAL } from '../../../../src/lib/delta/predict/xtensa.js';
import { foundReferences } from './found-references.js';

const CODE_AT = 0x4020_0000;

/** As GNU as and ld make it. */
const CODE = Buffer.from(
  [
    '34122040', // .long 0x40201234
    'c50001', // call0 0x40201014
    '21feff', // l32r a2, 0x40200000
    '060204', // j 0x40201016
    '12c1f0', // addi a1, a1, -16
    '0801', // l32i.n a0, a1, 0
    '0df0', // ret.n
  ].join(''),
  'hex',
);

const inImage = (target: number) => target >= CODE_AT && target < CODE_AT + 0x10_0000;

describe('findXtensa', () => {
  const found = foundReferences(findXtensa, CODE, CODE_AT, inImage);

  test('finds literals, what loads them, calls and jumps', () => {
    expect(found.map(({ form, at, target }) => [form, at, target])).toEqual([
      [POINTER_32, 0, 0x4020_1234],
      [CALL, 4, 0x4020_1014],
      [LITERAL, 7, CODE_AT],
      [JUMP, 10, 0x4020_1016],
    ]);
  });

  test('finds its way into a function from data before it', () => {
    const data = Buffer.from('ffff3f', 'hex'); // half of a word, then a function that calls another
    const code = Buffer.concat([data, Buffer.from('3641002501008100001df0000000', 'hex')]);
    const calls = foundReferences(
      findXtensa,
      code,
      0x400d_0001,
      (target) => target >= 0x400d_0000 && target < 0x400e_0000,
    );
    expect(calls.filter(({ form }) => form === CALL).map(({ at, target }) => [at, target])).toEqual([[6, 0x400d_0018]]);
  });

  test.each([
    [CALL, 4, 2 ** 19],
    [JUMP, 1, 2 ** 17],
  ])('writes every distance that form %# reaches, and reads it again', (form, unit, reach) => {
    const { at, target: original } = found.find((reference) => reference.form === form)!;
    fc.assert(
      fc.property(fc.integer({ min: -reach / unit, max: reach / unit - 1 }), (steps) => {
        const code = Uint8Array.from(CODE);
        const target = CODE_AT + at - (form === CALL ? at % 4 : 0) + 4 + steps * unit;
        form.write(code, at, CODE_AT + at, target, at);
        expect(form.read(code, at, CODE_AT + at, at)).toBe(target);
        form.write(code, at, CODE_AT + at, original, at);
        expect(Buffer.from(code)).toEqual(CODE);
      }),
    );
  });

  test('loads literals from up to 256 KiB before', () => {
    const { at } = found.find((reference) => reference.form === LITERAL)!;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 16 }), (words) => {
        const code = Uint8Array.from(CODE);
        const target = CODE_AT + ((at + 3) & ~3) - words * 4;
        LITERAL.write(code, at, CODE_AT + at, target, at);
        expect(LITERAL.read(code, at, CODE_AT + at, at)).toBe(target);
      }),
    );
  });
});
