import { OtaError } from '../../core/errors.js';
import type { Covers } from '../match/covers.js';
import { type BlockCovers, blockCovers, coversOf } from './block-covers.js';
import { blockGraph, placesRead } from './block-graph.js';
import { blockOrder } from './block-order.js';
import { chooseStash } from './choose-stash.js';
import { type OldRanges, partsOf, totalBytes } from './old-ranges.js';

/** A shorter rest of a cover costs about what its bytes do. */
const SHORTEST_COVER_BYTES = 8;

export interface InPlaceChoices {
  /** Unit in which the device erases and writes, bytes; a power of two. */
  blockBytes: number;
  /** Storage behind the image that may be used, bytes: at least one block, which the block in work needs. */
  spaceBytes: number;
  /** Blocks of the new image that the old one has at the same place; none where absent. */
  isUnchanged?: (block: number) => boolean;
}

export interface InPlacePlan {
  /** Numbers of the blocks of the new image, in the order in which they are made. */
  order: Int32Array;
  /** Each lies in one block, and reads nothing that was overwritten before. */
  covers: Covers;
  /** What of the old image is saved into the space before anything is overwritten. */
  stash: OldRanges;
  /** Storage behind the image that is used, bytes: a block, and the stash in whole blocks. */
  spaceBytes: number;
}

/**
 * Orders the blocks of the new image so that each can be written over the old one.
 *
 * A block comes before those over whose places it reads. Where blocks want that of each other, old bytes
 * are saved beforehand as far as there is space; what then is still read too late is taken out of the
 * covers, and has to be transmitted.
 *
 * @param covers     as the matcher found them
 * @param targetSize of the new image, bytes
 * @throws OtaError LIMIT_EXCEEDED when the space does not even hold one block
 */
export function planInPlace(
  covers: Covers,
  targetSize: number,
  { blockBytes, spaceBytes, isUnchanged = () => false }: InPlaceChoices,
): InPlacePlan {
  if (spaceBytes < blockBytes) {
    throw new OtaError(
      'LIMIT_EXCEEDED',
      `an update in place needs space for one block of ${blockBytes} bytes beside the image, there are ${spaceBytes}`,
      ['Give more --spare-space, or a smaller --erase-block.'],
    );
  }
  const split = blockCovers(covers, targetSize, blockBytes);
  const order = blockOrder(blockGraph(split, isUnchanged));
  const isOverwritten = overwrittenBefore(order, isUnchanged);
  const late: { oldAt: number; length: number }[] = [];
  for (let cover = 0; cover < split.count; cover++) {
    for (const { block, oldAt, length } of placesRead(split, cover)) {
      if (isOverwritten(block, readerOf(split, cover))) late.push({ oldAt, length });
    }
  }
  const stash = chooseStash(late, spaceBytes - (spaceBytes % blockBytes) - blockBytes);
  return {
    order,
    covers: late.length === 0 ? split : withoutLate(split, stash, isOverwritten),
    stash,
    spaceBytes: blockBytes + Math.ceil(totalBytes(stash) / blockBytes) * blockBytes,
  };
}

type IsOverwritten = (block: number, reader: number) => boolean;

function overwrittenBefore(order: Int32Array, isUnchanged: (block: number) => boolean): IsOverwritten {
  const step = new Int32Array(order.length);
  for (const [i, block] of order.entries()) step[block] = i;
  return (block, reader) => step[block]! < step[reader]! && !isUnchanged(block);
}

function readerOf({ newAt, blockBytes }: BlockCovers, cover: number): number {
  return Math.floor(newAt[cover]! / blockBytes);
}

/** Takes out of the covers what is overwritten when they would read it, and is not in the stash. */
function withoutLate(split: BlockCovers, stash: OldRanges, isOverwritten: IsOverwritten): Covers {
  const columns = { newAt: [] as number[], oldAt: [] as number[], length: [] as number[] };
  const keep = (newAt: number, oldAt: number, length: number, whole: boolean) => {
    if (length < SHORTEST_COVER_BYTES && !whole) return;
    columns.newAt.push(newAt);
    columns.oldAt.push(oldAt);
    columns.length.push(length);
  };
  for (let cover = 0; cover < split.count; cover++) {
    const shift = split.newAt[cover]! - split.oldAt[cover]!;
    const end = split.oldAt[cover]! + split.length[cover]!;
    let from = split.oldAt[cover]!; // of what can be read without a gap so far
    for (const place of placesRead(split, cover)) {
      if (!isOverwritten(place.block, readerOf(split, cover))) continue;
      for (const part of partsOf(stash, place.oldAt, place.length)) {
        if (part.range !== undefined) continue;
        if (part.oldAt > from) keep(from + shift, from, part.oldAt - from, false);
        from = part.oldAt + part.length;
      }
    }
    if (end > from) keep(from + shift, from, end - from, from === split.oldAt[cover]);
  }
  return coversOf(columns);
}
