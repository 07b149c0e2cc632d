import type { ImageBytes } from '../image/image-bytes.js';
import { BlockTable } from './block-table.js';
import { CoverList } from './cover-list.js';
import type { Covers } from './covers.js';

/** Blocks of the old image that are looked for; every equal stretch of twice as many bytes has one. */
export const BLOCK_BYTES = 1024;
/** Bytes that are hashed before it is tried again whether one of the last diagonals goes on. */
const PROBE_BYTES = 512;
/** Diagonals that are tried. */
const RECENT = 4;
/** Bytes that are compared at once, going on and going back. */
const PIECE_BYTES = 256 * 1024;
const MAX_BACK_BYTES = 16 * 1024;

/**
 * Finds long stretches that both images have, byte for byte, reading each about once.
 *
 * Blocks of the old image are kept by a rolling hash; the new image is hashed at every byte, but
 * only where no diagonal of the last stretches goes on.
 *
 * @returns covers of at least {@link BLOCK_BYTES}, without any byte that differs
 * @see Tridgell: Efficient Algorithms for Sorting and Synchronization (1999), chapter 3
 */
export function matchBlocks(old: ImageBytes, target: ImageBytes, onProgress: (doneFraction: number) => void): Covers {
  const table = new BlockTable(old, BLOCK_BYTES);
  const stretches = new CoverList();
  const diagonals: number[] = [0];
  let covered = 0;
  let at = 0;
  while (at + BLOCK_BYTES <= target.size) {
    onProgress(at / target.size);
    if (goOn()) continue;
    const end = Math.min(at + PROBE_BYTES, target.size - BLOCK_BYTES + 1);
    const found = table.find(target.view(at, end - at + BLOCK_BYTES - 1), end - at);
    if (found === undefined) {
      at = end;
      continue;
    }
    const foundAt = at + found.offset;
    const length = exactLength(old, found.oldAt, target, foundAt);
    if (length >= BLOCK_BYTES) take(foundAt, found.oldAt - foundAt, length);
    else at = foundAt + 1; // another block with the same hash
  }
  table.release();
  onProgress(1);
  return stretches.covers();

  /** Takes the longest stretch on one of the last diagonals, if there is one. */
  function goOn(): boolean {
    let best = 0;
    let longest = BLOCK_BYTES - 1;
    for (const diagonal of diagonals) {
      if (at + diagonal < 0 || at + diagonal >= old.size) continue;
      const length = exactLength(old, at + diagonal, target, at);
      if (length > longest) {
        longest = length;
        best = diagonal;
      }
    }
    if (longest < BLOCK_BYTES) return false;
    take(at, best, longest);
    return true;
  }

  function take(from: number, diagonal: number, length: number): void {
    const back = exactBack(old, from + diagonal, target, from, covered);
    stretches.add(from - back, from - back + diagonal, back + length);
    at = from + length;
    covered = at;
    const known = diagonals.indexOf(diagonal);
    if (known >= 0) diagonals.splice(known, 1);
    diagonals.unshift(diagonal);
    if (diagonals.length > RECENT) diagonals.pop();
  }
}

function exactLength(old: ImageBytes, oldAt: number, target: ImageBytes, at: number): number {
  const most = Math.min(old.size - oldAt, target.size - at);
  for (let length = 0, piece = BLOCK_BYTES; length < most; piece = Math.min(piece * 2, PIECE_BYTES)) {
    const size = Math.min(piece, most - length);
    const oldBytes = old.view(oldAt + length, size);
    const bytes = target.view(at + length, size);
    if (Buffer.compare(oldBytes, bytes) !== 0) {
      let equal = 0;
      while (oldBytes[equal] === bytes[equal]) equal++;
      return length + equal;
    }
    length += size;
  }
  return most;
}

/** How many bytes before both places are equal, not going before `from` in the new image. */
function exactBack(old: ImageBytes, oldAt: number, target: ImageBytes, at: number, from: number): number {
  const most = Math.min(oldAt, at - from, MAX_BACK_BYTES);
  const oldBytes = old.view(oldAt - most, most);
  const bytes = target.view(at - most, most);
  let back = 0;
  while (back < most && oldBytes[most - 1 - back] === bytes[most - 1 - back]) back++;
  return back;
}
