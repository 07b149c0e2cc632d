import { expect, test } from 'vitest';
import { coverTriples } from '../../../../src/lib/delta/bsdiff/cover-triples.js';

const covers = (...rows: [number, number, number][]) => ({
  count: rows.length,
  newAt: Int32Array.from(rows, ([newAt]) => newAt),
  oldAt: Int32Array.from(rows, ([, oldAt]) => oldAt),
  length: Int32Array.from(rows, ([, , length]) => length),
});

test.each([
  ['no image', covers(), 0, []],
  ['nothing in common', covers(), 9, [{ add: 0, copy: 9, seek: 0 }]],
  ['one cover from start to end', covers([0, 0, 9]), 9, [{ add: 9, copy: 0, seek: 0 }]],
  [
    'a first cover that is not the first old byte',
    covers([0, 5, 9]),
    9,
    [
      { add: 0, copy: 0, seek: 5 },
      { add: 9, copy: 0, seek: 0 },
    ],
  ],
  [
    'covers that go back and leave gaps',
    covers([2, 5, 3], [6, 0, 4]),
    12,
    [
      { add: 0, copy: 2, seek: 5 },
      { add: 3, copy: 1, seek: -8 },
      { add: 4, copy: 2, seek: 0 },
    ],
  ],
])('coverTriples makes %s', (_, given, targetSize, triples) => {
  expect(coverTriples(given, targetSize)).toEqual(triples);
});
