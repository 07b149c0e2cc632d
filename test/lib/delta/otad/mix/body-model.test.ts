import { expect, test } from 'vitest';
import { RangeDecoder, RangeEncoder } from '../../../../../src/lib/delta/coders/mix/range-coder.js';
import { BodyModel } from '../../../../../src/lib/delta/otad/mix/body-model.js';
import { MACHINES } from '../../../../../src/lib/delta/predict/address-space.js';
import { modesOf } from '../../../../../src/lib/delta/predict/modes.js';

test('the mode of a block comes back, whichever of all machines it is', () => {
  const modes = MACHINES.flatMap((machine) => [...modesOf(machine).keys()]);
  const coder = new RangeEncoder();
  const written = new BodyModel(coder, 16);
  for (const mode of modes) written.mode(mode, 512);
  const decoder = new RangeDecoder();
  decoder.give(coder.finish());
  decoder.start();
  const read = new BodyModel(decoder, 16);
  expect(modes.map(() => read.mode(0, 512))).toEqual(modes);
});
