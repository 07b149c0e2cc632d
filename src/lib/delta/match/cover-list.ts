import type { Covers } from './covers.js';

/** Covers that are being found, in the order of the new image. */
export interface CoverList {
  add(newAt: number, oldAt: number, length: number): void;
  covers(): Covers;
}

const FIRST_CAPACITY = 1024;
const FIELDS = 3;

export function coverList(): CoverList {
  let fields = new Int32Array(FIRST_CAPACITY * FIELDS);
  let count = 0;
  const column = (field: number) => Int32Array.from({ length: count }, (_, i) => fields[i * FIELDS + field]!);
  return {
    add(newAt, oldAt, length) {
      if (count * FIELDS === fields.length) {
        const grown = new Int32Array(fields.length * 2);
        grown.set(fields);
        fields = grown;
      }
      fields[count * FIELDS] = newAt;
      fields[count * FIELDS + 1] = oldAt;
      fields[count * FIELDS + 2] = length;
      count++;
    },
    covers: () => ({ count, newAt: column(0), oldAt: column(1), length: column(2) }),
  };
}
