import type { BlockCovers } from './block-covers.js';

/** Which block reads from the place of which other: an edge says that its reader has to be made first. */
export interface BlockGraph {
  readonly blocks: number;
  /** Edges of block i are those from `firstEdge[i]` up to `firstEdge[i + 1]`. */
  readonly firstEdge: Int32Array;
  /** The block whose place is read. */
  readonly target: Int32Array;
  /** Bytes that are read there, all covers of the reader together. */
  readonly bytes: Float64Array;
}

/**
 * What has to come before what, so that no block reads what was overwritten. A block that reads its own
 * place needs no edge: it is made in memory.
 *
 * @param isUnchanged blocks which are the same in both images, so that writing them overwrites nothing
 * @see Burns, Stockmeyer, Long: In-place reconstruction of version differences, 2003 (there by copy command)
 */
export function blockGraph(covers: BlockCovers, isUnchanged: (block: number) => boolean): BlockGraph {
  const blocks = covers.firstOf.length - 1;
  const firstEdge = new Int32Array(blocks + 1);
  const target: number[] = [];
  const bytes: number[] = [];
  for (let reader = 0; reader < blocks; reader++) {
    const readBytes = new Map<number, number>();
    for (let cover = covers.firstOf[reader]!; cover < covers.firstOf[reader + 1]!; cover++) {
      for (const { block, length } of placesRead(covers, cover)) {
        if (block === reader || isUnchanged(block)) continue;
        readBytes.set(block, (readBytes.get(block) ?? 0) + length);
      }
    }
    for (const [block, length] of readBytes) {
      target.push(block);
      bytes.push(length);
    }
    firstEdge[reader + 1] = target.length;
  }
  return { blocks, firstEdge, target: Int32Array.from(target), bytes: Float64Array.from(bytes) };
}

/** The blocks in whose places a cover reads; what it reads behind the new image is never overwritten. */
export function* placesRead(
  covers: BlockCovers,
  cover: number,
): Generator<{ block: number; oldAt: number; length: number }> {
  const { blockBytes, firstOf } = covers;
  const end = covers.oldAt[cover]! + covers.length[cover]!;
  for (let oldAt = covers.oldAt[cover]!; oldAt < end; ) {
    const block = Math.floor(oldAt / blockBytes);
    if (block >= firstOf.length - 1) return;
    const next = Math.min(end, (block + 1) * blockBytes);
    yield { block, oldAt, length: next - oldAt };
    oldAt = next;
  }
}
