/**
 * The one message of 16 bytes that has a given Chaskey-12 code: the algorithm step by step backwards from its
 * definition, which proves that no two such messages have the same code.
 *
 * @param key 4 words; `tag` likewise
 */
export function messageOfTag(key: Int32Array, tag: Int32Array): Buffer {
  const subkey = timesTwo(key);
  const block = unpermute(tag.map((word, i) => word ^ subkey[i]!)).map((word, i) => word ^ subkey[i]! ^ key[i]!);
  return Buffer.from(block.buffer);
}

function unpermute(permuted: Int32Array): Int32Array {
  let [v0, v1, v2, v3] = permuted as unknown as [number, number, number, number];
  for (let round = 0; round < 12; round++) {
    v2 = rotateRight(v2, 16);
    v1 = rotateRight(v1 ^ v2, 7);
    v2 = (v2 - v1) | 0;
    v3 = rotateRight(v3 ^ v0, 13);
    v0 = (v0 - v3) | 0;
    v3 = rotateRight(v3 ^ v2, 8);
    v2 = (v2 - v3) | 0;
    v0 = rotateRight(v0, 16);
    v1 = rotateRight(v1 ^ v0, 5);
    v0 = (v0 - v1) | 0;
  }
  return Int32Array.of(v0, v1, v2, v3);
}

/** In GF(2^128), as one large number. */
function timesTwo(value: Int32Array): Int32Array {
  const bits = value.reduceRight((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n);
  const doubled = ((bits << 1n) & (2n ** 128n - 1n)) ^ (bits >> 127n === 1n ? 0x87n : 0n);
  return Int32Array.from([0n, 32n, 64n, 96n], (shift) => Number(BigInt.asIntN(32, doubled >> shift)));
}

const rotateRight = (word: number, bits: number) => (word >>> bits) | (word << (32 - bits));
