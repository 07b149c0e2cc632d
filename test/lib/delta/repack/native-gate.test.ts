import { expect, test } from 'vitest';
import { NativeGate } from '../../../../src/lib/delta/repack/native-gate.js';

test('a gate closes only once everybody is out, over whichever memory they came in', async () => {
  const gate = new NativeGate();
  const sameGate = new NativeGate(gate.memory);
  sameGate.enter();
  gate.enter();
  let isClosed = false;
  const closing = gate.close().then(() => {
    isClosed = true;
  });
  expect(() => sameGate.enter()).toThrow('about to be ended');
  gate.leave();
  await new Promise(setImmediate);
  expect(isClosed).toBe(false);
  sameGate.leave();
  await closing;
  expect(isClosed).toBe(true);
  expect(() => gate.enter()).toThrow('about to be ended');
});

test('an open gate lets anybody in, one after the other and at once', async () => {
  const gate = new NativeGate();
  for (let i = 0; i < 3; i++) {
    gate.enter();
    gate.enter();
    gate.leave();
    gate.leave();
  }
  await gate.close();
  await gate.close();
});
