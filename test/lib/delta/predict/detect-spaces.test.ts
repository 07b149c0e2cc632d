import { describe, expect, test } from 'vitest';
import { imageInMemory } from '../../../../src/lib/delta/image/image-bytes.js';
import type { Segment } from '../../../../src/lib/delta/predict/address-space.js';
import { detectSpaces } from '../../../../src/lib/delta/predict/detect-spaces.js';
import { realFirmware } from '../../../support/firmware.js';
import { elfImage, espFirmware, objectFile, peImage } from './executables.js';

describe('detectSpaces', () => {
  test.each([
    ['movehub', 0x0800_5000],
    ['primehub', 0x0800_8000],
  ] as const)('finds Thumb code and the base address of %s, which has no headers', async (hub, address) => {
    const firmware = await realFirmware(hub);
    const spaces = detectSpaces(imageInMemory(firmware.old), imageInMemory(firmware.new));
    expect(spaces).toEqual({
      machine: 'thumb',
      old: [{ fileAt: 0, address, size: firmware.old.length, unit: 0 }],
      new: [{ fileAt: 0, address, size: firmware.new.length, unit: 0 }],
    });
    // the vector table's reset handler lies in the image
    const reset = new DataView(firmware.new.buffer, firmware.new.byteOffset).getUint32(4, true);
    expect(reset % 2).toBe(1);
    expect(reset > address && reset < address + firmware.new.length).toBe(true);
  });

  test('says none for images without code', () => {
    const text = imageInMemory(Buffer.from('not firmware at all, '.repeat(10_000)));
    expect(detectSpaces(text, text)).toEqual({ machine: 'none', old: [], new: [] });
  });
});

describe('detectSpaces, by headers', () => {
  const elf = elfImage({
    machine: 183,
    loads: [
      { fileAt: 0x1000, address: 0x40_1000, size: 0x1000 },
      { fileAt: 0x2000, address: 0x42_2000, size: 0x1000 },
    ],
  });

  test('an ELF executable is one unit of its loaded segments', () => {
    expect(spacesOf(elf)).toEqual([
      'aarch64',
      { fileAt: 0x1000, address: 0x40_1000, size: 0x1000, unit: 1 },
      { fileAt: 0x2000, address: 0x42_2000, size: 0x1000, unit: 1 },
    ]);
  });

  test("a kernel's per-cpu segment at address 0 is left out", () => {
    const kernel = elfImage({
      machine: 62,
      loads: [
        { fileAt: 0x1000, address: -0x7f00_0000, size: 0x1000 },
        { fileAt: 0x2000, address: 0, size: 0x1000 },
      ],
    });
    expect(spacesOf(kernel)).toEqual(['x86-64', { fileAt: 0x1000, address: -0x7f00_0000, size: 0x1000, unit: 1 }]);
  });

  test('an object file begins with its code at address 0', () => {
    const object = objectFile({ machine: 62, codeBytes: 0x800 });
    expect(spacesOf(object)).toEqual(['x86-64', { fileAt: 0, address: -0x40, size: object.length, unit: 1 }]);
  });

  test('a PE image has its headers and sections', () => {
    const pe = peImage({ machine: 0xaa64, sections: [{ fileAt: 0x400, address: 0x1000, size: 0x1000 }] });
    expect(spacesOf(pe)).toEqual([
      'aarch64',
      { fileAt: 0, address: 0, size: 0x400, unit: 1 },
      { fileAt: 0x400, address: 0x1000, size: 0x1000, unit: 1 },
    ]);
  });

  test('Espressif firmware tells by its chip whether it is Xtensa or RISC-V', () => {
    const segments = [
      { address: 0x3f40_0020, size: 0x800 },
      { address: 0x400d_0020, size: 0x900 },
    ];
    expect(spacesOf(espFirmware({ chip: 5, segments }))[0]).toBe('riscv');
    expect(spacesOf(espFirmware({ chip: 0, segments }))).toEqual([
      'xtensa',
      { fileAt: 32, address: 0x3f40_0020, size: 0x800, unit: 1 },
      { fileAt: 32 + 0x808, address: 0x400d_0020, size: 0x900, unit: 1 },
    ]);
  });

  test('executables inside a file system are units of their own', () => {
    const image = new Uint8Array(0x4000 + 2 * elf.length);
    image.set(elf, 0x1000);
    image.set(elf, 0x2000 + elf.length);
    expect(spacesOf(image)).toEqual([
      'aarch64',
      { fileAt: 0x2000, address: 0x40_1000, size: 0x1000, unit: 1 },
      { fileAt: 0x3000, address: 0x42_2000, size: 0x1000, unit: 1 },
      { fileAt: 0x3000 + elf.length, address: 0x40_1000, size: 0x1000, unit: 2 },
      { fileAt: 0x4000 + elf.length, address: 0x42_2000, size: 0x1000, unit: 2 },
    ]);
  });

  test('modules inside an executable are cut out of it', () => {
    const module = objectFile({ machine: 62, codeBytes: 0x800 });
    const pe = peImage({ machine: 0x8664, sections: [{ fileAt: 0x400, address: 0x400, size: 0x2000 }] });
    pe.set(module, 0x1000);
    expect(spacesOf(pe)).toEqual([
      'x86-64',
      { fileAt: 0, address: 0, size: 0x1000, unit: 1 },
      { fileAt: 0x1000, address: -0x40, size: module.length, unit: 2 },
      { fileAt: 0x1000 + module.length, address: 0x1000 + module.length, size: 0x1400 - module.length, unit: 1 },
    ]);
  });
});

function spacesOf(bytes: Uint8Array): [machine: string, ...Segment[]] {
  const spaces = detectSpaces(imageInMemory(bytes), imageInMemory(bytes));
  expect(spaces.old).toEqual(spaces.new);
  return [spaces.machine, ...spaces.new];
}
