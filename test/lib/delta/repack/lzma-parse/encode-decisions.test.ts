import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeDecisions } from '../../../../../src/lib/delta/repack/lzma-parse/decode-decisions.js';
import { encodeDecisions } from '../../../../../src/lib/delta/repack/lzma-parse/encode-decisions.js';
import type { LzmaProperties } from '../../../../../src/lib/delta/repack/lzma-parse/lzma-model.js';
import { compressByLiblzma, programLike, randomParse } from './lzma-streams.js';

const TEXT = 'abcabcabcabd the same again: abcabcabcabd the same again, and a tail';

describe('the decisions of an LZMA stream', () => {
  test.each([
    [
      'liblzma, lc=3 pb=2, end marker',
      [3, 0, 2],
      '00309888a750d13aa9a3228552afafb2c79c02e392671311b281aa604adfa55b7a84cf209e0b647af21ffec68d00',
    ],
    [
      'liblzma, fast, lp=2, end marker',
      [0, 2, 0],
      '0030994da2185c0495f6a740aef4d53fc22b08f9fd52b1e122e22a18eb17fefbc523968687e0125029effef7d09700',
    ],
    [
      'liblzma, lc=1 lp=3 pb=4, end marker',
      [1, 3, 4],
      '00309888730464101d0d065109b32cf6efeb8d1b3d2211d7b390703ad0f232119c7173eee7cfbef480f9bfff6da9c000',
    ],
    [
      'LZMA SDK, no end marker',
      [3, 0, 2],
      '00309888a750d13aa9a3228552afafb2c79c02e392671311b281aa604adfa55b7a84cf209e08fa9d06',
    ],
  ])('repeat a frozen stream of %s', (name, [lc, lp, pb], hex) => {
    const properties = { literalContextBits: lc!, literalPositionBits: lp!, positionBits: pb! };
    const stream = Buffer.from(hex, 'hex');
    const decoded = decodeDecisions(Buffer.concat([stream, Buffer.from('more')]), properties, TEXT.length)!;
    expect(Buffer.from(decoded.content).toString()).toBe(TEXT);
    expect(decoded.streamBytes).toBe(stream.length);
    expect(decoded.endMarker).toBe(name.includes('end marker') && !name.includes('no end'));
    expect(Buffer.from(encodeDecisions(TEXT_BYTES, decoded.decisions, properties, decoded.endMarker))).toEqual(stream);
  });

  test.each([
    [{ lc: 3, lp: 0, pb: 2, mode: 2, niceLen: 273, mf: 0x14, depth: 512 }],
    [{ lc: 0, lp: 4, pb: 0, mode: 1, niceLen: 5, mf: 0x03, depth: 1 }],
    [{ lc: 4, lp: 0, pb: 4, mode: 2, niceLen: 32, mf: 0x12, depth: 0 }],
  ])('repeat what liblzma makes of 200 KB with %o', async (settings) => {
    const content = programLike(200_000);
    const stream = await compressByLiblzma(content, settings);
    const properties = { literalContextBits: settings.lc, literalPositionBits: settings.lp, positionBits: settings.pb };
    const decoded = decodeDecisions(stream, properties, content.length)!;
    expect(content.equals(decoded.content)).toBe(true);
    expect(stream.equals(encodeDecisions(content, decoded.decisions, properties, decoded.endMarker))).toBe(true);
  });

  test('come back from the stream they were written to, whatever they are', () => {
    fc.assert(
      fc.property(properties(), randomParse(), fc.boolean(), (lzma, { content, decisions }, endMarker) => {
        const stream = encodeDecisions(content, decisions, lzma, endMarker);
        const decoded = decodeDecisions(stream, lzma, content.length)!;
        expect(Buffer.from(decoded.content)).toEqual(content);
        expect(decoded.endMarker).toBe(endMarker);
        expect(decoded.streamBytes).toBe(stream.length);
        expect(rows(decoded.decisions)).toEqual(rows(decisions));
      }),
    );
  });

  test('are refused, not guessed, for bytes that are no stream of that size', () => {
    fc.assert(
      fc.property(
        properties(),
        randomParse(),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (lzma, parse, place, flip) => {
          const stream = encodeDecisions(parse.content, parse.decisions, lzma, false);
          stream[place % stream.length]! ^= flip;
          const decoded = decodeDecisions(stream, lzma, parse.content.length);
          if (decoded === undefined) return;
          const again = encodeDecisions(decoded.content, decoded.decisions, lzma, decoded.endMarker);
          expect(again.length).toBe(decoded.streamBytes);
        },
      ),
    );
    expect(
      decodeDecisions(new Uint8Array(0), { literalContextBits: 3, literalPositionBits: 0, positionBits: 2 }, 10),
    ).toBe(undefined);
  });
});

const TEXT_BYTES = Buffer.from(TEXT);

function properties(): fc.Arbitrary<LzmaProperties> {
  return fc.record({
    literalContextBits: fc.integer({ min: 0, max: 8 }),
    literalPositionBits: fc.integer({ min: 0, max: 4 }),
    positionBits: fc.integer({ min: 0, max: 4 }),
  });
}

function rows({
  count,
  kinds,
  lengths,
  distances,
}: {
  count: number;
  kinds: Uint8Array;
  lengths: Uint16Array;
  distances: Uint32Array;
}) {
  return Array.from({ length: count }, (_, i) => [kinds[i], lengths[i], distances[i]]);
}
