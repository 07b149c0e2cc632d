import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ADR,
  ADRP,
  ADRP_PAIR,
  BRANCH_26,
  BRANCH_CONDITION,
  COMPARE_BRANCH,
  findAArch64,
  LOAD_LITERAL,
  PAGE_OFFSET,
  TEST_BRANCH,
} from '../../../../src/lib/delta/predict/aarch64.js';
import { ARM_BRANCH, ARM_MOVE_PAIR, findArm } from '../../../../src/lib/delta/predict/arm.js';
import type {
  ReferenceFinder,
  ReferenceForm,
  ReferenceVisitor,
} from '../../../../src/lib/delta/predict/reference-form.js';
import {
  findThumb,
  THUMB_BRANCH_21,
  THUMB_BRANCH_25,
  THUMB_MOVE_PAIR,
} from '../../../../src/lib/delta/predict/thumb.js';

interface Instruction {
  readonly text: string;
  readonly address: number;
  readonly bytes: string;
  readonly form: ReferenceForm;
  readonly target: number;
}

const instruction = (
  text: string,
  address: number,
  bytes: string,
  form: ReferenceForm,
  target: number,
): Instruction => ({
  text,
  address,
  bytes,
  form,
  target,
});

/** As the assembler and disassembler of LLVM have them. */
const A64 = [
  instruction('b 0x5000', 0x1000, '00100014', BRANCH_26, 0x5000),
  instruction('bl 0x5000', 0x1004, 'ff0f0094', BRANCH_26, 0x5000),
  instruction('b.ne 0x5000', 0x1008, 'c1ff0154', BRANCH_CONDITION, 0x5000),
  instruction('cbz x3, 0x5000', 0x100c, 'a3ff01b4', COMPARE_BRANCH, 0x5000),
  instruction('cbnz w9, 0x5000', 0x1010, '89ff0135', COMPARE_BRANCH, 0x5000),
  instruction('tbz w1, #5, 0x5000', 0x1014, '61ff2936', TEST_BRANCH, 0x5000),
  instruction('tbnz x1, #37, 0x5000', 0x1018, '41ff29b7', TEST_BRANCH, 0x5000),
  instruction('ldr x7, 0x5000', 0x101c, '27ff0158', LOAD_LITERAL, 0x5000),
  instruction('ldr w7, 0x5000', 0x1020, '07ff0118', LOAD_LITERAL, 0x5000),
  instruction('ldrsw x7, 0x5000', 0x1024, 'e7fe0198', LOAD_LITERAL, 0x5000),
  instruction('ldr q2, 0x5000', 0x1028, 'c2fe019c', LOAD_LITERAL, 0x5000),
  instruction('adr x5, 0x5000', 0x102c, 'a5fe0110', ADR, 0x5000),
  instruction('adrp x5, 0x5000', 0x1030, '25000090', ADRP, 0x5000),
  instruction('bl 0x800', 0x1034, 'f3fdff97', BRANCH_26, 0x800),
  instruction('b.eq 0x200', 0x1038, '408eff54', BRANCH_CONDITION, 0x200),
];
const A32 = [
  instruction('b 0x5000', 0x1000, 'fe0f00ea', ARM_BRANCH, 0x5000),
  instruction('bl 0x5000', 0x1004, 'fd0f00eb', ARM_BRANCH, 0x5000),
  instruction('bne 0x5000', 0x1008, 'fc0f001a', ARM_BRANCH, 0x5000),
  instruction('blx 0x5002', 0x100c, 'fb0f00fb', ARM_BRANCH, 0x5002),
  instruction('bl 0x800', 0x1010, 'fafdffeb', ARM_BRANCH, 0x800),
  instruction('movw r3, #0x5678; movt r3, #0x1234', 0x1014, '783605e3343241e3', ARM_MOVE_PAIR, 0x1234_5678),
  instruction('movwne r9, #0xabcd; movtne r9, #0x20ff', 0x101c, 'cd9b0a13ff904213', ARM_MOVE_PAIR, 0x20ff_abcd),
];
const T32 = [
  instruction('bl 0x5000', 0x1000, '03f0feff', THUMB_BRANCH_25, 0x5000),
  instruction('b.w 0x5000', 0x1004, '03f0fcbf', THUMB_BRANCH_25, 0x5000),
  instruction('blx 0x5000', 0x1008, '03f0faef', THUMB_BRANCH_25, 0x5000),
  instruction('bne.w .+0x5004', 0x100c, '45f00080', THUMB_BRANCH_21, 0x6010),
  instruction('bl 0x800', 0x1010, 'fff7f6fb', THUMB_BRANCH_25, 0x800),
  instruction('bl 0x900000', 0x1014, 'fef0f4df', THUMB_BRANCH_25, 0x90_0000),
  instruction('bhi.w .+0x84', 0x1018, '00f24080', THUMB_BRANCH_21, 0x109c),
  instruction('movw r3, #0x5678; movt r3, #0x1234', 0x101c, '45f27863c1f23423', THUMB_MOVE_PAIR, 0x1234_5678),
  instruction('movw r9, #0xabcd; movt r9, #0x20ff', 0x1024, '4af6cd39c2f2ff09', THUMB_MOVE_PAIR, 0x20ff_abcd),
];

const partnerOf = (form: ReferenceForm) => (form === ARM_MOVE_PAIR || form === THUMB_MOVE_PAIR ? 4 : 0);

/** References of the forms that are surely one, with their targets. */
function found(find: ReferenceFinder, code: Uint8Array, address: number, forms: ReadonlySet<ReferenceForm>) {
  const references: [number, number][] = [];
  const visitor: ReferenceVisitor = {
    visit(form, at, partner) {
      if (!forms.has(form)) return false;
      references.push([address + at, form.read(code, at, address + at, partner)]);
      return true;
    },
  };
  find(code, 0, code.length, address, visitor, code.length);
  return references;
}

describe.each([
  ['findAArch64', findAArch64, A64, 4],
  ['findArm', findArm, A32, 4],
  ['findThumb', findThumb, T32, 2],
] as const)('%s', (_, find, instructions, alignment) => {
  const code = Buffer.from(instructions.map(({ bytes }) => bytes).join(''), 'hex');

  test('finds every instruction that has a target, and that target', () => {
    const forms = new Set(instructions.map(({ form }) => form));
    expect(found(find, code, 0x1000, forms)).toEqual(instructions.map(({ address, target }) => [address, target]));
  });

  test('reads what it wrote, and changes nothing but the target', () => {
    fc.assert(
      fc.property(fc.nat(instructions.length - 1), fc.integer({ min: -500, max: 500 }), (index, steps) => {
        const { form, address, bytes, target } = instructions[index]!;
        const moved = form === ADRP ? target + steps * 4096 : target + steps * (bytes.endsWith('ef') ? 4 : alignment);
        const now = Buffer.from(bytes, 'hex');
        form.write(now, 0, address, moved, partnerOf(form));
        expect(form.read(now, 0, address, partnerOf(form))).toBe(moved);
        form.write(now, 0, address, target, partnerOf(form));
        expect(now.toString('hex')).toBe(bytes);
      }),
    );
  });

  test('offers nothing outside of what it is given, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 80 }), fc.nat(8), fc.nat(7), (bytes, skip, address) => {
        const from = Math.min(skip, bytes.length);
        const visitor: ReferenceVisitor = {
          visit(form, at, partner) {
            expect(at).toBeGreaterThanOrEqual(from);
            expect(at + form.bytes).toBeLessThanOrEqual(bytes.length);
            expect(partner).toBeGreaterThanOrEqual(from);
            expect(partner + 4).toBeLessThanOrEqual(bytes.length + (partner === at ? 4 : 0));
            return (at & 4) === 0;
          },
        };
        find(bytes, from, bytes.length, address, visitor, bytes.length);
      }),
    );
  });
});

describe('AArch64 pages', () => {
  // adrp x0, 0x5000; add x1, x0, #0x123; ldr x2, [x0, #0x128]; strb w3, [x0, #0x7]; ldr q1, [x0, #0x30]
  const code = Buffer.from('2000009001 8c0491 029440f9 031c0039 010cc03d'.replaceAll(' ', ''), 'hex');

  test('pairs a page with each place in it', () => {
    const forms = new Set([ADRP_PAIR, PAGE_OFFSET, ADRP]);
    expect(found(findAArch64, code, 0x1000, forms)).toEqual([
      [0x1000, 0x5123],
      [0x1008, 0x5128],
      [0x100c, 0x5007],
      [0x1010, 0x5030],
    ]);
  });

  test('moves page and places', () => {
    const now = Uint8Array.from(code);
    const visitor: ReferenceVisitor = {
      visit(form, at, partner) {
        form.write(now, at, 0x9ff0 + at, form.read(code, at, 0x1000 + at, partner) + 0x1840, partner);
        return true;
      },
    };
    findAArch64(code, 0, code.length, 0x1000, visitor, code.length);
    const forms = new Set([ADRP_PAIR, PAGE_OFFSET, ADRP]);
    expect(found(findAArch64, now, 0x9ff0, forms).map(([, target]) => target)).toEqual([
      0x6963, 0x6968, 0x6847, 0x6870,
    ]);
  });

  test('counts pages below zero, as those of a kernel are', () => {
    const address = -0x8000_0000_0000 + 0x1000;
    const targets = found(findAArch64, code, address, new Set([ADRP_PAIR])).map(([, target]) => target - address);
    expect(targets).toEqual([0x4123]);
  });
});
