import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Machine } from '../../../../src/lib/delta/predict/address-space.js';
import { NORMALISER_CONTEXT_BYTES, normaliser } from '../../../../src/lib/delta/predict/normaliser.js';
import { realFirmware } from '../../../support/firmware.js';

const MACHINES_THAT_MASK: readonly Machine[] = ['thumb', 'arm', 'aarch64', 'x86-64', 'riscv', 'xtensa'];

describe('normaliser', () => {
  test.each(MACHINES_THAT_MASK)('masks %s alike wherever a view begins and ends', (machine) => {
    const bytes = fc.array(fc.oneof(fc.nat(255), fc.constantFrom(0x14, 0x90, 0xf0, 0xf8, 0xe8, 0x91, 0x39)), {
      minLength: 300,
      maxLength: 600,
    });
    fc.assert(
      fc.property(
        bytes,
        fc.nat(250),
        fc.nat(250),
        fc.constantFrom(0, 4096, 0x0800_5000, -4096),
        (image, a, b, base) => {
          const segments = [{ fileAt: 3, address: base + 3, size: image.length - 10, unit: 0 }];
          const normalise = normaliser(machine, segments)!;
          const whole = Buffer.from(image);
          normalise(whole, 0);
          const [from, to] = [Math.min(a, b), image.length - Math.max(a, b)];
          const start = Math.max(0, from - NORMALISER_CONTEXT_BYTES);
          const view = Uint8Array.from(image.slice(start, to + NORMALISER_CONTEXT_BYTES));
          normalise(view, start);
          const end = Math.max(from, to);
          expect(Buffer.from(view.subarray(from - start, end - start))).toEqual(whole.subarray(from, end));
        },
      ),
      { numRuns: 200 },
    );
  });

  test('masks the calls of real firmware and little else', async () => {
    const { old } = await realFirmware('movehub');
    const segment = { fileAt: 0, address: 0x0800_5000, size: old.length, unit: 0 };
    const masked = Uint8Array.from(old);
    normaliser('thumb', [segment])!(masked, 0);
    const changed = masked.reduce((count, byte, i) => count + (byte === old[i] ? 0 : 1), 0);
    expect(changed).toBeGreaterThan(old.length / 20);
    expect(changed).toBeLessThan(old.length / 5);
  });
});
