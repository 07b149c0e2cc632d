import fc from 'fast-check';
import { expect, test } from 'vitest';
import { defaultLayout } from '../../../src/lib/device/default-layout.js';
import { layoutToJson, parseLayout } from '../../../src/lib/device/layout.js';

test('a layout that is made leaves a quarter of the image to grow, and is one that a file may hold', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 * 1024 ** 3 }), (bytes) => {
      const layout = defaultLayout({ app: bytes });
      const { slotBytes, slots } = layout.components.app!;
      expect(slots).toEqual(['a', 'b']);
      expect(slotBytes).toBeGreaterThanOrEqual(bytes * 1.25);
      expect(slotBytes).toBeLessThan(Math.max(4097, bytes * 2.5));
      expect(parseLayout(Buffer.from(JSON.stringify(layoutToJson(layout))), 'layout.json')).toEqual(layout);
    }),
  );
});
