import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Predictor } from '../../../../src/lib/delta/predict/predictor.js';
import { ABSOLUTE_32, findX86 } from '../../../../src/lib/delta/predict/x86-64.js';
import { foundReferences } from './found-references.js';

const CODE_AT = 0x1000;
const TARGET = 0x10_1000;

/** As GNU as and ld make them: each of these instructions has 0x101000 as its target or operand. */
const INSTRUCTIONS: readonly (readonly [text: string, address: number, bytes: string])[] = [
  ['call t', 0x1000, 'e8 fb ff 0f 00'],
  ['jmp t', 0x1005, 'e9 f6 ff 0f 00'],
  ['jne t', 0x100a, '0f 85 f0 ff 0f 00'],
  ['mov t(%rip),%rax', 0x1010, '48 8b 05 e9 ff 0f 00'],
  ['mov t(%rip),%eax', 0x1017, '8b 05 e3 ff 0f 00'],
  ['lea t(%rip),%rdi', 0x101d, '48 8d 3d dc ff 0f 00'],
  ['cmpl $0x5,t(%rip)', 0x1024, '83 3d d5 ff 0f 00 05'],
  ['cmpl $0x1f4,t(%rip)', 0x102b, '81 3d cb ff 0f 00 f4 01 00 00'],
  ['cmpw $0x1f4,t(%rip)', 0x1035, '66 81 3d c2 ff 0f 00 f4 01'],
  ['movb $0x1,t(%rip)', 0x103e, 'c6 05 bb ff 0f 00 01'],
  ['movq $0x186a0,t(%rip)', 0x1045, '48 c7 05 b0 ff 0f 00 a0 86 01 00'],
  ['testb $0x4,t(%rip)', 0x1050, 'f6 05 a9 ff 0f 00 04'],
  ['testl $0x4,t(%rip)', 0x1057, 'f7 05 9f ff 0f 00 04 00 00 00'],
  ['notl t(%rip)', 0x1061, 'f7 15 99 ff 0f 00'],
  ['imul $0x7,t(%rip),%eax', 0x1067, '6b 05 92 ff 0f 00 07'],
  ['imul $0x11170,t(%rip),%eax', 0x106e, '69 05 88 ff 0f 00 70 11 01 00'],
  ['shll $0x3,t(%rip)', 0x1078, 'c1 25 81 ff 0f 00 03'],
  ['movzbl t(%rip),%eax', 0x107f, '0f b6 05 7a ff 0f 00'],
  ['movaps t(%rip),%xmm1', 0x1086, '0f 28 0d 73 ff 0f 00'],
  ['pshufd $0x5,t(%rip),%xmm1', 0x108d, '66 0f 70 0d 6a ff 0f 00 05'],
  ['pshufb t(%rip),%xmm1', 0x1096, '66 0f 38 00 0d 61 ff 0f 00'],
  ['palignr $0x3,t(%rip),%xmm1', 0x109f, '66 0f 3a 0f 0d 57 ff 0f 00 03'],
  ['vmovdqa t(%rip),%ymm1', 0x10a9, 'c5 fd 6f 0d 4f ff 0f 00'],
  ['vpshufb t(%rip),%ymm9,%ymm1', 0x10b1, 'c4 e2 35 00 0d 46 ff 0f 00'],
  ['vpalignr $0x3,t(%rip),%ymm9,%ymm1', 0x10ba, 'c4 e3 35 0f 0d 3c ff 0f 00 03'],
  ['vpshufd $0x3,t(%rip),%xmm9', 0x10c4, 'c5 79 70 0d 33 ff 0f 00 03'],
  ['lock incl t(%rip)', 0x10cd, 'f0 ff 05 2c ff 0f 00'],
  ['call *t(%rip)', 0x10d4, 'ff 15 26 ff 0f 00'],
  ['jmp *t(%rip)', 0x10da, 'ff 25 20 ff 0f 00'],
  ['fldl t(%rip)', 0x10e0, 'dd 05 1a ff 0f 00'],
  ['movq t(%rip),%mm1', 0x10e6, '0f 6f 0d 13 ff 0f 00'],
  ['cmpxchg %ecx,t(%rip)', 0x10ed, '0f b1 0d 0c ff 0f 00'],
];

/** With every target in the first 16 MiB taken for one of the image. */
const found = (code: Uint8Array) => foundReferences(findX86, code, CODE_AT, (to) => to >= 0 && to < 2 ** 24);

const CODE = Buffer.from(INSTRUCTIONS.map(([, , bytes]) => bytes.replaceAll(' ', '')).join(''), 'hex');

describe('findX86', () => {
  test('finds the target of every kind of instruction that has one, and nothing else', () => {
    expect(found(CODE).map(({ at, target }) => [CODE_AT + at, target])).toEqual(
      INSTRUCTIONS.map(([, address, bytes]) => {
        const field = Buffer.from(bytes.replaceAll(' ', ''), 'hex').indexOf(Buffer.from('ff0f00', 'hex')) - 1;
        return [address + field, TARGET];
      }),
    );
  });

  test('finds addresses in code that is not position-independent', () => {
    // movq $0xffffffff82000010,%rdi; mov 0xffffffff82000020(,%rax,8),%rax in a kernel
    const code = Buffer.from('48c7c710000082488b04c520000082', 'hex');
    const references = foundReferences(findX86, code, -0x7f00_0000, (to) => to < 0 && to >= -0x7f00_0000);
    expect(references.map(({ form, target }) => [form, target])).toEqual([
      [ABSOLUTE_32, -0x7dff_fff0],
      [ABSOLUTE_32, -0x7dff_ffe0],
    ]);
  });

  test('writes what it reads', () => {
    fc.assert(
      fc.property(fc.nat(INSTRUCTIONS.length - 1), fc.nat(2 ** 24), (index, target) => {
        const { form, at } = found(CODE)[index]!;
        const code = Uint8Array.from(CODE);
        form.write(code, at, CODE_AT + at, target, at);
        expect(form.read(code, at, CODE_AT + at, at)).toBe(target);
        const changed = Array.from(code.keys()).filter((i) => code[i] !== CODE[i]);
        expect(changed.every((i) => i >= at && i < at + 4)).toBe(true);
      }),
    );
  });

  test('predicts exactly what the linker makes of code before which something was inserted', () => {
    // old: the code at 0x1000, its target at 0x101000; new: the target 0x40 bytes further on
    const newCode = Uint8Array.from(CODE);
    for (const { form, at } of found(CODE)) form.write(newCode, at, CODE_AT + at, TARGET + 0x40, at);
    const oldSegments = [{ fileAt: 0, address: CODE_AT, size: 0x10_0010, unit: 0 }];
    const newSegments = [{ fileAt: 0, address: CODE_AT, size: 0x10_0050, unit: 0 }];
    const covers = {
      count: 2,
      newAt: Int32Array.of(0, 0x10_0040),
      oldAt: Int32Array.of(0, 0x10_0000),
      length: Int32Array.of(CODE.length, 0x10),
    };
    const predictor = new Predictor({ machine: 'x86-64', old: oldSegments, new: newSegments }, covers);
    expect(Buffer.from(predictor.predict(1, CODE, 0, CODE.length, 0, 0))).toEqual(Buffer.from(newCode));
  });
});
