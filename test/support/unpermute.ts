/** The inverse of Chaskey-12's permutation, step by step from its definition: proves that it is one. */
export function unpermute(permuted: Int32Array): Int32Array {
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

const rotateRight = (word: number, bits: number) => (word >>> bits) | (word << (32 - bits));
