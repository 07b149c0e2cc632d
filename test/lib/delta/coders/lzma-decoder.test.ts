import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LzmaDecoder } from '../../../../src/lib/delta/coders/lzma-decoder.js';
import { LzmaError, type LzmaParameters, lzmaDecoderBytes } from '../../../../src/lib/delta/coders/lzma-model.js';
import { trimLzma } from '../../../../src/lib/delta/coders/lzma-trim.js';
import { realFirmware } from '../../../support/firmware.js';
import { liblzmaEncode } from '../../../support/liblzma.js';

const folder = join(import.meta.dirname, '../../../fixtures/patches/lzma');
const plain = readFileSync(join(folder, 'plain.bin'));
const vectors = Object.entries(JSON.parse(readFileSync(join(folder, 'raw-lzma1.json'), 'utf8')) as object).map(
  ([name, base64]): [string, LzmaParameters, Buffer] => {
    const [lc, lp, pb] = name.match(/\d+/g)!.map(Number) as [number, number, number];
    return [name, { lc, lp, pb, dictionaryBytes: 4096, decodedBytes: plain.length }, Buffer.from(base64, 'base64')];
  },
);
const [, parameters, withMarker] = vectors.find(([name]) => name === 'lc=3 lp=0 pb=2')!;
const trimmed = trimLzma(withMarker, parameters);

interface Pieces {
  input: number;
  output: number;
}

/** Pushes and reads in pieces of these sizes, over and over. */
function decode(packed: Uint8Array, of: LzmaParameters, pieces: Pieces = { input: 65_536, output: 65_536 }): Buffer {
  const decoder = new LzmaDecoder(of);
  const made: Buffer[] = [];
  let rest = packed;
  let ended = false;
  while (!ended || decoder.left > 0) {
    const piece = rest.subarray(0, pieces.input);
    const taken = decoder.push(piece);
    rest = rest.subarray(taken);
    if (rest.length === 0) {
      decoder.end();
      ended = true;
    }
    let got = 0;
    for (let view = decoder.read(pieces.output); view.length > 0; view = decoder.read(pieces.output)) {
      expect(view.length).toBeLessThanOrEqual(pieces.output);
      made.push(Buffer.from(view));
      got += view.length;
    }
    if (taken === 0 && got === 0 && !ended) throw new LzmaError('input is left over');
  }
  decoder.finish();
  return Buffer.concat(made);
}

const outcome = (packed: Uint8Array, of = parameters): Buffer | Error => {
  try {
    return decode(packed, of);
  } catch (error) {
    return error as Error;
  }
};

describe('LzmaDecoder decodes as liblzma encodes', () => {
  test.each(vectors)('%s, with an end marker and without', (_, of, packed) => {
    const short = trimLzma(packed, of);
    expect(short.length).toBeLessThan(packed.length - 3);
    expect(decode(packed, of).equals(plain)).toBe(true);
    expect(decode(short, of).equals(plain)).toBe(true);
  });

  test.each([1, 2, 7, 19, 20, 21, 1000])('input and output in pieces of %i bytes', (size) => {
    expect(decode(trimmed, parameters, { input: size, output: 65_536 }).equals(plain)).toBe(true);
    expect(decode(trimmed, parameters, { input: 65_536, output: size }).equals(plain)).toBe(true);
  });

  test('a dictionary that is used over and over, and matches across its seam', async () => {
    const { new: image } = await realFirmware('movehub');
    const bytes = Buffer.concat([image.subarray(0, 40_000), Buffer.alloc(9000, 'seam'), image.subarray(100, 5000)]);
    const of = { lc: 1, lp: 2, pb: 1, dictionaryBytes: 4096, decodedBytes: bytes.length };
    const packed = trimLzma(await liblzmaEncode(bytes, of), of);
    expect(decode(packed, of, { input: 333, output: 777 }).equals(bytes)).toBe(true);
  });

  test('distances of every magnitude', async () => {
    let seed = 1;
    const noise = (length: number) => {
      const bytes = Buffer.alloc(length);
      for (let i = 0; i < length; i++) {
        seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
        bytes[i] = seed >>> 24;
      }
      return bytes;
    };
    const blocks = Array.from({ length: 20 }, (_, magnitude) => noise(2 ** magnitude));
    const bytes = Buffer.concat(blocks.flatMap((block) => [block, block.subarray(0, 20)]));
    const of = { lc: 0, lp: 0, pb: 0, dictionaryBytes: 2 ** 22, decodedBytes: bytes.length };
    expect(decode(await liblzmaEncode(bytes, of), of).equals(bytes)).toBe(true);
  });

  test('nothing at all', async () => {
    const of = { ...parameters, decodedBytes: 0 };
    const packed = await liblzmaEncode(new Uint8Array(0), of);
    expect(decode(packed, of)).toHaveLength(0);
    expect(trimLzma(packed, of)).toEqual(new Uint8Array(5));
    expect(decode(new Uint8Array(5), of)).toHaveLength(0);
  });

  test('random data of any shape', async () => {
    const shape = fc.array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 60 })), {
      minLength: 1,
      maxLength: 30,
    });
    const place = fc.record({ lc: fc.nat(2), lp: fc.nat(2), pb: fc.nat(4) });
    await fc.assert(
      fc.asyncProperty(shape, place, fc.integer({ min: 1, max: 500 }), async (runs, bits, size) => {
        const bytes = Buffer.concat(runs.flatMap(([part, times]) => Array.from({ length: times }, () => part)));
        const of = { ...bits, dictionaryBytes: 4096, decodedBytes: bytes.length };
        const packed = await liblzmaEncode(bytes, of);
        expect(decode(packed, of, { input: size, output: size }).equals(bytes)).toBe(true);
        expect(decode(trimLzma(packed, of), of, { input: size, output: size }).equals(bytes)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});

describe('LzmaDecoder refuses', () => {
  test.each([
    ['with an end marker', withMarker],
    ['without', trimmed],
  ])('a stream %s cut anywhere', (_, packed) => {
    for (let length = 0; length < packed.length; length++) {
      const cut = outcome(packed.subarray(0, length));
      expect(cut, `${length} bytes`).toBeInstanceOf(LzmaError);
    }
  });

  test('a byte after its end', () => {
    for (const packed of [withMarker, trimmed]) {
      for (const byte of [0, 1, 0xff]) {
        expect(outcome(Buffer.concat([packed, Buffer.of(byte)]))).toBeInstanceOf(LzmaError);
      }
    }
  });

  test('another decoded size than the encoder had', () => {
    for (const decodedBytes of [0, 1, plain.length - 1, plain.length + 1, plain.length + 1000]) {
      expect(outcome(withMarker, { ...parameters, decodedBytes }), `${decodedBytes}`).toBeInstanceOf(LzmaError);
      expect(outcome(trimmed, { ...parameters, decodedBytes }), `${decodedBytes}`).toBeInstanceOf(LzmaError);
    }
  });

  test('a match from before the first byte, and one from beyond the dictionary', () => {
    // A first symbol that is a match of distance 1: isMatch 1, isRep 0 and zeros.
    expect(outcome(Buffer.of(0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0))).toMatchObject({
      name: 'LzmaError',
      message: 'a match reaches 1 bytes back, 0 were made and 4096 are held',
    });
    expect(outcome(trimmed, { ...parameters, dictionaryBytes: 16 })).toMatchObject({
      name: 'LzmaError',
      message: expect.stringMatching(/^a match reaches \d+ bytes back, \d+ were made and 16 are held$/),
    });
  });

  test('a beginning that no range coder makes', () => {
    expect(outcome(Buffer.of(1, 0, 0, 0, 0, 0, 0, 0, 0, 0))).toBeInstanceOf(LzmaError);
    expect(outcome(Buffer.of(0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0))).toBeInstanceOf(LzmaError);
  });

  test('every flipped bit, or makes as many bytes as it should', () => {
    for (let bit = 0; bit < trimmed.length * 8; bit++) {
      const flipped = Buffer.from(trimmed);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const got = outcome(flipped);
      if (got instanceof Error) expect(got).toBeInstanceOf(LzmaError);
      else expect(got).toHaveLength(plain.length);
    }
  });

  test('random bytes, within their decoded size', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 5, maxLength: 400 }), fc.nat(20_000), (bytes, decodedBytes) => {
        bytes[0] = 0;
        const got = outcome(bytes, { lc: 0, lp: 0, pb: 0, dictionaryBytes: 300, decodedBytes });
        if (got instanceof Error) expect(got).toBeInstanceOf(LzmaError);
        else expect(got).toHaveLength(decodedBytes);
      }),
      { numRuns: 1000 },
    );
  });

  test.each([{ lc: 9 }, { lp: 5 }, { pb: 5 }, { lc: -1 }, { dictionaryBytes: 0 }, { decodedBytes: 2 ** 53 }])(
    'parameters outside the format, %j, as a mistake of its caller',
    (wrong) => {
      expect(() => new LzmaDecoder({ ...parameters, ...wrong })).toThrow(RangeError);
    },
  );
});

test('the memory of a decoder is its dictionary, at most what it makes, and fixed tables', () => {
  const small = { lc: 3, lp: 0, pb: 2, dictionaryBytes: 2 ** 22, decodedBytes: 1000 };
  expect(lzmaDecoderBytes(small)).toBeLessThan(1000 + 100_000);
  expect(lzmaDecoderBytes({ ...small, decodedBytes: 2 ** 30 })).toBeLessThan(2 ** 22 + 100_000);
});
