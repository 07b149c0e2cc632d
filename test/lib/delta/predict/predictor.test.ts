import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { imageInMemory } from '../../../../src/lib/delta/image/image-bytes.js';
import type { Covers } from '../../../../src/lib/delta/match/covers.js';
import { findCovers } from '../../../../src/lib/delta/match/find-covers.js';
import { type AddressSpaces, MACHINES, type Segment } from '../../../../src/lib/delta/predict/address-space.js';
import {
  BlockCursor,
  CONTEXT_BYTES,
  countBlocks,
  suitableBlockBits,
} from '../../../../src/lib/delta/predict/blocks.js';
import { chooseModes } from '../../../../src/lib/delta/predict/choose-modes.js';
import { detectSpaces } from '../../../../src/lib/delta/predict/detect-spaces.js';
import { Predictor } from '../../../../src/lib/delta/predict/predictor.js';
import { realFirmware } from '../../../support/firmware.js';

interface Pair {
  readonly spaces: AddressSpaces;
  readonly covers: Covers;
  readonly old: Uint8Array;
  readonly target: Uint8Array;
}

/** What an applier does with each block, `correct` giving the actual bytes for the predicted ones. */
function walk(
  { spaces, covers, old }: Omit<Pair, 'target'>,
  blockBits: number,
  modes: Uint8Array,
  correct: (predicted: Uint8Array, newAt: number) => Uint8Array,
): void {
  const predictor = new Predictor(spaces, covers);
  const block = new BlockCursor(covers, blockBits);
  while (block.next()) {
    const { oldAt, newAt, length } = block;
    const before = Math.min(oldAt, CONTEXT_BYTES);
    const context = old.subarray(oldAt - before, oldAt + length + CONTEXT_BYTES);
    const mode = modes[block.index]!;
    const predicted = predictor.predict(mode, context, before, length, oldAt, newAt);
    const actual = correct(predicted, newAt);
    if (Buffer.compare(predicted, actual) !== 0) predictor.learn(mode, context, before, actual, oldAt, newAt);
  }
}

function differences({ target, ...pair }: Pair, blockBits: number, modes: Uint8Array): Uint8Array {
  const stream: number[] = [];
  walk(pair, blockBits, modes, (predicted, newAt) => {
    const actual = target.subarray(newAt, newAt + predicted.length);
    for (let i = 0; i < actual.length; i++) stream.push((actual[i]! - predicted[i]!) & 0xff);
    return actual;
  });
  return Uint8Array.from(stream);
}

function restored(pair: Omit<Pair, 'target'>, blockBits: number, modes: Uint8Array, stream: Uint8Array, size: number) {
  const image = new Uint8Array(size);
  let read = 0;
  walk(pair, blockBits, modes, (predicted, newAt) => {
    for (let i = 0; i < predicted.length; i++) image[newAt + i] = predicted[i]! + stream[read++]!;
    return image.subarray(newAt, newAt + predicted.length);
  });
  return image;
}

/** Covers that keep their contract: ascending in the new image, inside both. */
function someCovers(oldSize: number, newSize: number, pieces: readonly (readonly [number, number, number])[]): Covers {
  const kept: [number, number, number][] = [];
  let end = 0;
  for (const [gap, from, bytes] of pieces) {
    const newAt = end + gap;
    const oldAt = from % oldSize;
    const length = Math.min(bytes, newSize - newAt, oldSize - oldAt);
    if (length < 1) continue;
    kept.push([newAt, oldAt, length]);
    end = newAt + length;
  }
  const column = (i: 0 | 1 | 2) => Int32Array.from(kept, (cover) => cover[i]);
  return { count: kept.length, newAt: column(0), oldAt: column(1), length: column(2) };
}

const pieces = fc.array(fc.tuple(fc.nat(9), fc.nat(999), fc.integer({ min: 1, max: 300 })), { maxLength: 8 });
const address = fc.oneof(fc.integer({ min: -4096, max: 4096 }), fc.integer({ min: -(2 ** 52), max: 2 ** 52 }));
const piecesOfSegments = fc.array(fc.tuple(fc.nat(99), address, fc.nat(600), fc.nat(2)), { maxLength: 5 });

function someSegments(imageSize: number, list: readonly (readonly [number, number, number, number])[]): Segment[] {
  const segments: Segment[] = [];
  let end = 0;
  for (const [gap, at, bytes, unit] of list) {
    const fileAt = Math.min(end + gap, imageSize);
    const size = Math.min(bytes, imageSize - fileAt);
    if (size > 0) segments.push({ fileAt, address: at, size, unit });
    end = fileAt + size;
  }
  return segments;
}

describe('Predictor', () => {
  test('repeats in the applier what it did in the encoder, for any images, covers, segments and modes', () => {
    const image = fc.uint8Array({ minLength: 1, maxLength: 900 });
    fc.assert(
      fc.property(
        fc.constantFrom(...MACHINES),
        image,
        image,
        fc.tuple(piecesOfSegments, piecesOfSegments),
        pieces,
        fc.uint8Array({ minLength: 40, maxLength: 40 }),
        (machine, old, target, [oldList, newList], list, anyModes) => {
          const covers = someCovers(old.length, target.length, list);
          const spaces = {
            machine,
            old: someSegments(old.length, oldList),
            new: someSegments(target.length, newList),
          };
          const { modeCount } = new Predictor(spaces, covers);
          const modes = Uint8Array.from({ length: countBlocks(covers, 6) }, (_, i) => anyModes[i % 40]! % modeCount);
          const pair = { spaces, covers, old, target };
          const image = restored(pair, 6, modes, differences(pair, 6, modes), target.length);
          for (let i = 0; i < covers.count; i++) {
            const [from, to] = [covers.newAt[i]!, covers.newAt[i]! + covers.length[i]!];
            expect(image.subarray(from, to)).toEqual(target.subarray(from, to));
          }
        },
      ),
      { numRuns: 250 },
    );
  });

  test('learns where a variable in RAM went from the first reference to it', () => {
    // pointers to 0x20000010, which no segment holds; in the new image it is at 0x20000018
    const word = (value: number) => [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
    const old = Uint8Array.from(Array.from({ length: 64 }, () => word(0x2000_0010)).flat());
    const target = Uint8Array.from(Array.from({ length: 64 }, () => word(0x2000_0018)).flat());
    const segments = [{ fileAt: 0, address: 0x0800_0000, size: 256, unit: 0 }];
    const spaces: AddressSpaces = { machine: 'thumb', old: segments, new: segments };
    const covers = { count: 1, newAt: Int32Array.of(0), oldAt: Int32Array.of(0), length: Int32Array.of(256) };
    const stream = differences({ spaces, covers, old, target }, 6, Uint8Array.of(2, 2, 2, 2));
    expect(Array.from(stream.keys()).filter((i) => stream[i] !== 0)).toEqual(
      Array.from({ length: 16 }, (_, i) => i * 4),
    );
  });

  test('leaves less than a tenth of the differing bytes of real firmware', async () => {
    const { old, new: target } = await realFirmware('movehub');
    const images = [imageInMemory(old), imageInMemory(target)] as const;
    const spaces = detectSpaces(...images);
    const covers = findCovers(...images, {});
    const blockBits = suitableBlockBits(target.length);
    const modes = chooseModes(new Predictor(spaces, covers), covers, blockBits, ...images);
    const pair = { spaces, covers, old, target };
    const none = new Uint8Array(modes.length);
    const left = differing(differences(pair, blockBits, modes)) / differing(differences(pair, blockBits, none));
    expect(left).toBeLessThan(0.1);
  });
});

describe('chooseModes', () => {
  // two pointers to what 16 bytes came in before, and a stretch that no reference explains
  const segment = (size: number) => [{ fileAt: 0, address: 0x40_1000, size, unit: 0 }];
  const spaces: AddressSpaces = { machine: 'thumb', old: segment(128), new: segment(144) };
  const covers: Covers = {
    count: 2,
    newAt: Int32Array.of(0, 80),
    oldAt: Int32Array.of(0, 64),
    length: Int32Array.of(64, 64),
  };

  function modeOfPointers(unexplainedBytes: number, leastGain: number): number {
    const old = new Uint8Array(128);
    old.set([0x40, 0x10, 0x40, 0, 0x44, 0x10, 0x40, 0], 8);
    const target = new Uint8Array(144);
    target.set([0x50, 0x10, 0x40, 0, 0x54, 0x10, 0x40, 0], 8);
    target.fill(1, 24, 24 + unexplainedBytes);
    const images = [imageInMemory(old), imageInMemory(target)] as const;
    return chooseModes(new Predictor(spaces, covers), covers, 6, ...images, { leastGain })[0]!;
  }

  test('predicts a block for two bytes where only the size counts', () => {
    expect(modeOfPointers(20, 0)).toBeGreaterThan(0);
  });

  test('leaves a block alone whose prediction spares less than the least gain', () => {
    expect(modeOfPointers(20, 1 / 6)).toBe(0);
  });

  test('predicts a block that becomes right, however little differs', () => {
    expect(modeOfPointers(0, 1 / 6)).toBeGreaterThan(0);
  });
});

const differing = (stream: Uint8Array) => stream.filter((byte) => byte !== 0).length;

describe('BlockCursor', () => {
  test('cuts covers where the new image is at a multiple, as many blocks as are counted', () => {
    fc.assert(
      fc.property(pieces, fc.integer({ min: 6, max: 9 }), (list, blockBits) => {
        const covers = someCovers(1000, 2000, list);
        const block = new BlockCursor(covers, blockBits);
        let blocks = 0;
        let bytes = 0;
        while (block.next()) {
          expect(block.index).toBe(blocks++);
          const offset = block.newAt - covers.newAt[block.cover]!;
          expect(block.oldAt).toBe(covers.oldAt[block.cover]! + offset);
          expect(block.newAt >> blockBits).toBe((block.newAt + block.length - 1) >> blockBits);
          bytes += block.length;
        }
        expect(blocks).toBe(countBlocks(covers, blockBits));
        expect(bytes).toBe(covers.length.reduce((sum, length) => sum + length, 0));
      }),
    );
  });
});
