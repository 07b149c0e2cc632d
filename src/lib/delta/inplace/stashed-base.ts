import type { RandomAccess } from '../../core/random-access.js';
import { readExactly } from '../read-exactly.js';
import { type OldRanges, partsOf } from './old-ranges.js';

/** Where each range of the stash begins inside it, bytes. */
export function stashOffsets({ count, length }: OldRanges): Float64Array {
  const offsets = new Float64Array(count);
  for (let i = 1; i < count; i++) offsets[i] = offsets[i - 1]! + length[i - 1]!;
  return offsets;
}

/**
 * The old image while it is overwritten: what was saved comes from the stash, everything else from its place.
 *
 * @param size    of the old image, bytes
 * @param stashAt where the stash begins in the slot
 */
export function stashedBase(slot: RandomAccess, size: number, stash: OldRanges, stashAt: number): RandomAccess {
  const offsets = stashOffsets(stash);
  return {
    name: slot.name,
    size,
    read: async (into, position) => {
      const length = Math.max(0, Math.min(into.byteLength, size - position));
      for (const part of partsOf(stash, position, length)) {
        const at =
          part.range === undefined
            ? part.oldAt
            : stashAt + offsets[part.range]! + part.oldAt - stash.oldAt[part.range]!;
        await readExactly(slot, into.subarray(part.oldAt - position, part.oldAt - position + part.length), at);
      }
      return length;
    },
  };
}
