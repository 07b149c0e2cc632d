import fc from 'fast-check';

/** A change of a file that damage or malice could make. */
export type Mutation =
  | { kind: 'flip'; at: number; bit: number }
  | { kind: 'set'; at: number; value: number }
  | { kind: 'cut'; at: number }
  | { kind: 'append'; bytes: Uint8Array }
  | { kind: 'move'; from: number; to: number; length: number }
  | { kind: 'insert'; at: number; bytes: Uint8Array }
  | { kind: 'remove'; at: number; length: number };

const place = fc.oneof(
  fc.integer({ min: 0, max: 31 }), // the header is small, and matters most
  fc.nat(),
);

/** Numbers of groups of seven bits: long, too long, or none that ends. */
const number = fc.constantFrom([0x80], [0xff, 0x7f], [0xff, 0xff, 0xff, 0xff, 0x0f], Array<number>(9).fill(0xff), [0]);

/** One to four mutations; positions are taken modulo the size of the file. */
export const mutations: fc.Arbitrary<Mutation[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('flip' as const), at: place, bit: fc.nat(7) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('set' as const),
        at: place,
        value: fc.constantFrom(0, 1, 0x7f, 0x80, 0xff),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), at: place }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('append' as const), bytes: fc.uint8Array({ maxLength: 40 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('move' as const), from: place, to: place, length: fc.nat(200) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('insert' as const),
        at: place,
        bytes: number.map((groups) => Uint8Array.from(groups)),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('remove' as const), at: place, length: fc.integer({ min: 1, max: 9 }) }),
    },
  ),
  { minLength: 1, maxLength: 4 },
);

export function mutate(original: Uint8Array, changes: readonly Mutation[]): Buffer {
  let bytes = Buffer.from(original);
  for (const change of changes) {
    if (bytes.length === 0) break;
    const inside = (position: number) => position % bytes.length;
    if (change.kind === 'flip') bytes[inside(change.at)]! ^= 1 << change.bit;
    else if (change.kind === 'set') bytes[inside(change.at)] = change.value;
    else if (change.kind === 'cut') bytes = bytes.subarray(0, inside(change.at));
    else if (change.kind === 'append') bytes = Buffer.concat([bytes, change.bytes]);
    else if (change.kind === 'move') {
      bytes.copyWithin(inside(change.to), inside(change.from), inside(change.from) + change.length);
    } else {
      const at = inside(change.at);
      const [inserted, removed] = change.kind === 'insert' ? [change.bytes, 0] : [Buffer.alloc(0), change.length];
      bytes = Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + removed)]);
    }
  }
  return bytes;
}
