import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { derivedKey, messageKeyer } from '../../../src/lib/dedupe/message-key.js';
import { messageOfTag } from '../../support/chaskey-backwards.js';

const SECRET = Uint8Array.from({ length: 16 }, (_, i) => 17 * i);
const keyer = messageKeyer(SECRET);
const anyId = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n });

/** The 128 bits that a key came from. */
function inverted(key: Uint32Array, purpose: string): bigint {
  const packed = messageOfTag(derivedKey(SECRET, purpose), Int32Array.from(key));
  return BigInt(`0x${packed.toString('hex')}`);
}

function uuidText(bits: bigint): string {
  const hex = bits.toString(16).padStart(32, '0');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function ulidText(bits: bigint): string {
  const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
  return Array.from({ length: 26 }, (_, i) => digits[Number((bits >> BigInt(5 * (25 - i))) & 31n)]).join('');
}

describe('UUIDs and ULIDs are exact', () => {
  test('because the UUID can be had back from its key, whatever its case', () => {
    fc.assert(
      fc.property(anyId, (bits) => {
        expect(inverted(keyer.keyOf(uuidText(bits)), 'key of a UUID')).toBe(bits);
        expect(keyer.keyOf(uuidText(bits).toUpperCase())).toEqual(keyer.keyOf(uuidText(bits)));
      }),
    );
  });

  test('because the ULID can be had back from its key, whatever its case', () => {
    fc.assert(
      fc.property(anyId, (bits) => {
        expect(inverted(keyer.keyOf(ulidText(bits)), 'key of a ULID')).toBe(bits);
        expect(keyer.keyOf(ulidText(bits).toLowerCase())).toEqual(keyer.keyOf(ulidText(bits)));
      }),
    );
  });

  test('and the two kinds have nothing to do with each other', () => {
    fc.assert(
      fc.property(anyId, (bits) => {
        expect(keyer.keyOf(uuidText(bits))).not.toEqual(keyer.keyOf(ulidText(bits)));
      }),
    );
  });
});

test.each([
  ['a UUID without hyphens', '00112233445566778899aabbccddeeff'],
  ['a UUID with a letter behind f', '00112233-4455-6677-8899-aabbccddeefg'],
  ['a UUID with its hyphens elsewhere', '0011223-34455-6677-8899-aabbccddeeff'],
  ['a UUID in braces', '{00112233-4455-6677-8899-aabbccddeeff}'],
  ['a ULID beyond 128 bits', '8ZZZZZZZZZZZZZZZZZZZZZZZZZ'],
  ['a ULID with a letter that Crockford leaves out', '01ARZ3NDEKTSV4RRFFQ69G5FAU'],
])('%s is another text, and its case counts', (_, id) => {
  expect(keyer.keyOf(id)).not.toEqual(keyer.keyOf(id.toLowerCase() === id ? id.toUpperCase() : id.toLowerCase()));
});

test('Ids of any other form have keys of their own', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ maxLength: 512 }), { maxLength: 50 }), (ids) => {
      const plain = ids.filter((id) => id.isWellFormed());
      expect(new Set(plain.map((id) => keyer.keyOf(id).join())).size).toBe(plain.length);
    }),
  );
});

test('A key is the same on every machine and in every version', () => {
  const keys = ['00112233-4455-6677-8899-aabbccddeeff', '01ARZ3NDEKTSV4RRFFQ69G5FAV', 'truck-7/1234', ''].map((id) =>
    Buffer.from(keyer.keyOf(id).buffer).toString('hex'),
  );
  expect(keys).toMatchInlineSnapshot(`
    [
      "24d233012d1def04f13e40118b9a3b35",
      "8e90eef71a1bd6d8a670f966f76ccdf5",
      "0745324318712e04c0c58ab9a138c959",
      "6cf6535707f3bbd4fbc2152b58342b99",
    ]
  `);
});

test('Another secret gives other keys', () => {
  const other = messageKeyer(new Uint8Array(16));
  for (const id of ['00112233-4455-6677-8899-aabbccddeeff', '01ARZ3NDEKTSV4RRFFQ69G5FAV', 'truck-7/1234']) {
    expect(other.keyOf(id)).not.toEqual(keyer.keyOf(id));
  }
});

test('Every part of a key is uniform even where ids count up', () => {
  // 2^16 consecutive ids of each kind in 256 places of each byte: a uniform key has a chi-square around 255 ± 23.
  for (const text of [uuidText, ulidText, (bits: bigint) => `truck-${bits}`]) {
    const places = Array.from({ length: 16 }, () => new Uint32Array(256));
    for (let i = 0n; i < 65_536n; i++) {
      new Uint8Array(keyer.keyOf(text(i)).buffer).forEach((byte, at) => {
        places[at]![byte]!++;
      });
    }
    for (const place of places) {
      const chiSquare = place.reduce((sum, count) => sum + (count - 256) ** 2 / 256, 0);
      expect(chiSquare).toBeGreaterThan(255 - 5 * 23);
      expect(chiSquare).toBeLessThan(255 + 6 * 23);
    }
  }
});
