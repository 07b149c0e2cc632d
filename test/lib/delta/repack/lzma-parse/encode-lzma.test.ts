import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EndsEarly } from '../../../../../src/lib/delta/repack/codec.js';
import { decodeLzma } from '../../../../../src/lib/delta/repack/lzma-parse/decode-lzma.js';
import { encodeLzma } from '../../../../../src/lib/delta/repack/lzma-parse/encode-lzma.js';
import type { LzmaDecision } from '../../../../../src/lib/delta/repack/lzma-parse/lzma-decision.js';
import type { LzmaProperties } from '../../../../../src/lib/delta/repack/lzma-parse/lzma-model.js';
import { compressByLiblzma, programLike, randomParse, sourceOf } from './lzma-streams.js';

const TEXT = Buffer.from('abcabcabcabd the same again: abcabcabcabd the same again, and a tail');

describe('the decisions of an LZMA stream', () => {
  test.each([
    [
      'liblzma, an end marker',
      [3, 0, 2],
      true,
      '00309888a750d13aa9a3228552afafb2c79c02e392671311b281aa604adfa55b7a84cf209e0b647af21ffec68d00',
    ],
    [
      'liblzma in a hurry',
      [0, 2, 0],
      true,
      '0030994da2185c0495f6a740aef4d53fc22b08f9fd52b1e122e22a18eb17fefbc523968687e0125029effef7d09700',
    ],
    [
      'liblzma, most context',
      [1, 3, 4],
      true,
      '00309888730464101d0d065109b32cf6efeb8d1b3d2211d7b390703ad0f232119c7173eee7cfbef480f9bfff6da9c000',
    ],
    [
      'the LZMA SDK, no end marker',
      [3, 0, 2],
      false,
      '00309888a750d13aa9a3228552afafb2c79c02e392671311b281aa604adfa55b7a84cf209e08fa9d06',
    ],
  ])('repeat a frozen stream of %s', (_, [lc, lp, pb], endMarker, hex) => {
    const properties = { literalContextBits: lc!, literalPositionBits: lp!, positionBits: pb! };
    const stream = Buffer.from(hex, 'hex');
    const decoded = takeApart(Buffer.concat([stream, Buffer.from('more')]), properties, TEXT.length);
    expect(decoded).toMatchObject({ content: TEXT, endMarker, streamBytes: stream.length });
    const again = encodeLzma(TEXT, sourceOf(decoded.decisions), properties, endMarker);
    expect(Buffer.from(again)).toEqual(stream);
  });

  test.each([
    [{ lc: 3, lp: 0, pb: 2, mode: 2, niceLen: 273, mf: 0x14, depth: 512 }],
    [{ lc: 0, lp: 4, pb: 0, mode: 1, niceLen: 5, mf: 0x03, depth: 1 }],
    [{ lc: 4, lp: 0, pb: 4, mode: 2, niceLen: 32, mf: 0x12, depth: 0 }],
  ])('repeat what liblzma makes of 60 KB with %o', async (settings) => {
    const content = programLike(60_000);
    const stream = await compressByLiblzma(content, settings);
    const properties = { literalContextBits: settings.lc, literalPositionBits: settings.lp, positionBits: settings.pb };
    const decoded = takeApart(stream, properties, content.length);
    expect(content.equals(decoded.content)).toBe(true);
    const again = encodeLzma(content, sourceOf(decoded.decisions), properties, decoded.endMarker);
    expect(stream.equals(again)).toBe(true);
  });

  test('come back from the stream they were written to, whatever they are', () => {
    fc.assert(
      fc.property(properties(), randomParse(), fc.boolean(), (lzma, { content, decisions }, endMarker) => {
        const stream = encodeLzma(content, sourceOf(decisions), lzma, endMarker);
        const decoded = takeApart(stream, lzma, content.length);
        expect(decoded).toEqual({ content, decisions, endMarker, streamBytes: stream.length });
      }),
    );
  });
});

describe('decodeLzma', () => {
  const properties = { literalContextBits: 3, literalPositionBits: 0, positionBits: 2 };

  test('finds the size of a stream that ends with a marker, and room for it', async () => {
    const content = Buffer.alloc(1_100_000, programLike(5000));
    const stream = await compressByLiblzma(content, { lc: 3, lp: 0, pb: 2, mode: 1, niceLen: 8, mf: 0x03, depth: 1 });
    const decoded = decodeLzma(stream, properties, { contentBytes: undefined, maxBytes: 1_100_000 });
    expect(content.equals(decoded.content)).toBe(true);
    expect(() => decodeLzma(stream, properties, { contentBytes: undefined, maxBytes: 1_099_999 })).toThrow(RangeError);
  });

  test('refuses or decodes what was damaged, within the size it was given', () => {
    fc.assert(
      fc.property(
        randomParse(),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.nat(3000),
        (parse, place, flip, maxBytes) => {
          const stream = encodeLzma(parse.content, sourceOf(parse.decisions), properties, true);
          stream[place % stream.length]! ^= flip;
          const content = attempt(() => decodeLzma(stream, properties, { contentBytes: undefined, maxBytes })?.content);
          expect(content?.length ?? 0).toBeLessThanOrEqual(maxBytes);
        },
      ),
    );
  });

  test.each([
    ['no byte', new Uint8Array(0)],
    ['a first byte that is not zero', Uint8Array.of(1, 0, 0, 0, 0)],
    ['a match before the first byte', new Uint8Array(64).fill(255, 1)],
  ])('refuses %s', (_, stream) => {
    expect(() => decodeLzma(stream, properties, { contentBytes: 100_000, maxBytes: 100_000 })).toThrow(RangeError);
  });
});

test('decodeLzma tells a stream that is cut, wherever it is, from one that is wrong', () => {
  const properties = { literalContextBits: 0, literalPositionBits: 0, positionBits: 0 };
  fc.assert(
    fc.property(randomParse(), fc.nat(), ({ content, decisions }, place) => {
      const stream = encodeLzma(content, sourceOf(decisions), properties, true);
      const cut = stream.subarray(0, 1 + (place % (stream.length - 1)));
      const size = { contentBytes: undefined, maxBytes: content.length + 300 };
      expect(() => decodeLzma(cut, properties, size)).toThrow(EndsEarly);
    }),
  );
});

function takeApart(stream: Uint8Array, lzma: LzmaProperties, contentBytes: number) {
  const decisions: LzmaDecision[] = [];
  const decoded = decodeLzma(stream, lzma, { contentBytes, maxBytes: contentBytes }, (_content, _at, decision) => {
    const { kind, length, distance } = decision;
    decisions.push({ kind, length, distance });
  });
  return { ...decoded, content: Buffer.from(decoded.content), decisions };
}

function attempt<Value>(action: () => Value): Value | undefined {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof EndsEarly)) expect(error).toBeInstanceOf(RangeError);
    return undefined;
  }
}

function properties(): fc.Arbitrary<LzmaProperties> {
  return fc.record({
    literalContextBits: fc.integer({ min: 0, max: 8 }),
    literalPositionBits: fc.integer({ min: 0, max: 4 }),
    positionBits: fc.integer({ min: 0, max: 4 }),
  });
}
