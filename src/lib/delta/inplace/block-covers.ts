import type { Covers } from '../match/covers.js';

/** Covers whose pieces each lie in one block of the new image. */
export interface BlockCovers extends Covers {
  readonly blockBytes: number;
  /** Of block i, the covers are those from `firstOf[i]` up to `firstOf[i + 1]`. */
  readonly firstOf: Int32Array;
}

/** Splits covers at the borders of blocks. @param targetSize size of the new image, bytes */
export function blockCovers(covers: Covers, targetSize: number, blockBytes: number): BlockCovers {
  const blocks = Math.ceil(targetSize / blockBytes);
  const columns: Record<'newAt' | 'oldAt' | 'length', number[]> = { newAt: [], oldAt: [], length: [] };
  const firstOf = new Int32Array(blocks + 1);
  for (let cover = 0; cover < covers.count; cover++) {
    const end = covers.newAt[cover]! + covers.length[cover]!;
    const shift = covers.oldAt[cover]! - covers.newAt[cover]!;
    for (let newAt = covers.newAt[cover]!; newAt < end; ) {
      const block = Math.floor(newAt / blockBytes);
      const next = Math.min(end, (block + 1) * blockBytes);
      columns.newAt.push(newAt);
      columns.oldAt.push(newAt + shift);
      columns.length.push(next - newAt);
      firstOf[block + 1]!++;
      newAt = next;
    }
  }
  for (let block = 0; block < blocks; block++) firstOf[block + 1]! += firstOf[block]!;
  return { ...coversOf(columns), blockBytes, firstOf };
}

/** Covers from columns of any length. */
export function coversOf(columns: { newAt: number[]; oldAt: number[]; length: number[] }): Covers {
  return {
    count: columns.newAt.length,
    newAt: Int32Array.from(columns.newAt),
    oldAt: Int32Array.from(columns.oldAt),
    length: Int32Array.from(columns.length),
  };
}
