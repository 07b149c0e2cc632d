import { describe, expect, test } from 'vitest';
import { imageInMemory } from '../../../../src/lib/delta/image/image-bytes.js';
import { detectSpaces } from '../../../../src/lib/delta/predict/detect-spaces.js';
import { realFirmware } from '../../../support/firmware.js';

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
