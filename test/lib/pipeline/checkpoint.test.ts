import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JsonObject } from '../../../src/lib/core/strict-json.js';
import {
  decodeCheckpoint,
  encodeCheckpoint,
  type PipelineCheckpoint,
  withInput,
} from '../../../src/lib/pipeline/checkpoint.js';

const position = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.nat(), { maxKeys: 3 });
const checkpoint: fc.Arbitrary<PipelineCheckpoint> = fc.record(
  {
    sequence: fc.nat(),
    sink: fc.string(),
    inputs: fc.array(fc.record({ source: fc.string(), position }), { maxLength: 5 }),
    output: position,
    deadLetters: fc.record({ path: fc.string(), bytes: fc.nat() }),
  },
  { requiredKeys: ['sequence', 'sink', 'inputs'] },
);

test('a checkpoint is read as it was written', () => {
  fc.assert(
    fc.property(checkpoint, (value) => {
      expect(decodeCheckpoint(encodeCheckpoint(value))).toEqual(value);
    }),
  );
});

test('one of another version, or none, is refused', () => {
  const good = JSON.parse(encodeCheckpoint({ sequence: 1, sink: 'x', inputs: [] }).toString());
  for (const change of [
    { spec: 'ota-fleet-checkpoint/2' },
    { sequence: -1 },
    { more: 1 },
    { inputs: {} },
    { output: [] },
  ]) {
    const data = Buffer.from(JSON.stringify({ ...good, ...change }));
    expect(() => decodeCheckpoint(data)).toThrow(expect.objectContaining({ code: 'CHECKPOINT_MISMATCH' }));
  }
});

test('one that the store has no room for is refused when it is made', () => {
  const inputs = Array.from({ length: 1000 }, (_, index) => ({ source: `${'x'.repeat(80)}${index}`, position: {} }));
  expect(() => encodeCheckpoint({ sequence: 1, sink: 'x', inputs })).toThrow(
    expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
  );
});

test('of sources that are not read any more those that moved last are kept', () => {
  let inputs: PipelineCheckpoint['inputs'] = [];
  for (let day = 0; day < 1000; day++) {
    const name = `day ${day}`;
    inputs = withInput(inputs, name, { day }, (source) => source === name);
  }
  const kept = inputs.map(({ source }) => source);
  expect(kept.length).toBeGreaterThan(100);
  expect(kept).toEqual(Array.from({ length: kept.length }, (_, index) => `day ${1000 - kept.length + index}`));
  expect(encodeCheckpoint({ sequence: 1, sink: 'x', inputs }).length).toBeLessThan(16 * 1024);
  const moved: JsonObject = { day: 1000 };
  expect(withInput(inputs, 'day 950', moved, () => true).at(-1)).toEqual({ source: 'day 950', position: moved });
});
