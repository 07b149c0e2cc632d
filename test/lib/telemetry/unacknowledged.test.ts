import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Unacknowledged } from '../../../src/lib/telemetry/unacknowledged.js';

test('whatever is added and taken, in order, each packet identifier comes out once and in time', () => {
  const step = fc.oneof(
    fc.record({ add: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ take: fc.double({ min: 0, max: 1.2, noNaN: true }) }),
    fc.constant({ clear: true }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const real = new Unacknowledged();
      let model: { number: number; packetId: number }[] = [];
      let number = 0;
      for (const each of steps) {
        if ('add' in each) {
          for (let count = 0; count < each.add; count++) {
            number += 1 + (number % 3); // those without acknowledgement have numbers, too
            const packetId = (number * 7) % 65_535;
            real.add(number, packetId);
            model.push({ number, packetId });
          }
        } else if ('take' in each) {
          const upTo = Math.floor(number * each.take);
          const expected = model.filter((message) => message.number <= upTo).map(({ packetId }) => packetId);
          model = model.filter((message) => message.number > upTo);
          expect(real.takeUpTo(upTo)).toEqual(expected);
        } else {
          real.clear();
          model = [];
        }
        expect(real.size).toBe(model.length);
      }
    }),
  );
});
