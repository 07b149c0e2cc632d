import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AUIPC_PAIR, BRANCH, findRiscv, JAL, LUI_PAIR, SHORT_JUMP } from '../../../../src/lib/delta/predict/riscv.js';
import { foundReferences } from './found-references.js';

const CODE_AT = 0x1_0000;
const NEAR = 0x1_0044;
const FAR = 0x10_0ffe;

/** As GNU as and ld make it for rv64gc. */
const CODE = Buffer.from(
  [
    'ef00ff7f', // jal ra, far
    '6f000004', // jal zero, near
    '630eb502', // beq a0, a1, near
    '636cb502', // bltu a0, a1, near
    '15a8', // c.j near
    '17150f001305c5fe', // auipc a0; addi a0, a0: far
    '97100f00e78040fe', // auipc ra; jalr ra, ra: far
    '97170f00368783b7c7fd', // auipc a5; c.mv a4, a3; ld a5, (a5): far
    '97170f0023a9e7fc', // auipc a5; sw a4, (a5): far
    '97170f0007b5a7fc', // auipc a5; fld fa0, (a5): far
    'b71710009387e7ff', // lui a5; addi a5, a5: far
    '8280', // c.jr ra
  ].join(''),
  'hex',
);

describe('findRiscv', () => {
  const found = foundReferences(findRiscv, CODE, CODE_AT, () => true);

  test('finds the target of every kind of instruction that has one', () => {
    expect(found.map(({ form, at, partner, target }) => [form, at, partner, target])).toEqual([
      [JAL, 0x00, 0x00, FAR],
      [JAL, 0x04, 0x04, NEAR],
      [BRANCH, 0x08, 0x08, NEAR],
      [BRANCH, 0x0c, 0x0c, NEAR],
      [SHORT_JUMP, 0x10, 0x10, NEAR],
      [AUIPC_PAIR, 0x12, 0x16, FAR],
      [AUIPC_PAIR, 0x1a, 0x1e, FAR],
      [AUIPC_PAIR, 0x22, 0x28, FAR],
      [AUIPC_PAIR, 0x2c, 0x30, FAR],
      [AUIPC_PAIR, 0x34, 0x38, FAR],
      [LUI_PAIR, 0x3c, 0x40, FAR],
    ]);
  });

  test.each([
    [JAL, 2 ** 19, 2],
    [BRANCH, 2 ** 11, 2],
    [SHORT_JUMP, 2 ** 10, 2],
    [AUIPC_PAIR, 2 ** 30, 1],
    [LUI_PAIR, 2 ** 30, 1],
  ])('writes every distance that form %# reaches, and reads it again', (form, reach, unit) => {
    const sample = found.find((reference) => reference.form === form)!;
    const base = form === LUI_PAIR ? 0 : CODE_AT + sample.at;
    fc.assert(
      fc.property(fc.integer({ min: -reach / unit, max: reach / unit - 1 }), (steps) => {
        const code = Uint8Array.from(CODE);
        const target = base + steps * unit;
        form.write(code, sample.at, CODE_AT + sample.at, target, sample.partner);
        expect(form.read(code, sample.at, CODE_AT + sample.at, sample.partner)).toBe(target);
        form.write(code, sample.at, CODE_AT + sample.at, sample.target, sample.partner);
        expect(Buffer.from(code)).toEqual(CODE);
      }),
    );
  });
});
