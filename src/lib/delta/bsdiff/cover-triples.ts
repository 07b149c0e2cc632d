import type { Covers } from '../match/covers.js';
import type { Triple } from './triples.js';

/**
 * bsdiff's triples for covers: each adds a cover and copies what follows it.
 *
 * @param targetSize size of the new image, bytes
 * @returns triples that make the whole new image; none for an empty one
 */
export function coverTriples(covers: Covers, targetSize: number): Triple[] {
  const triples: Triple[] = [];
  let at = 0;
  let oldEnd = 0;
  let add = 0;
  for (let i = 0; i <= covers.count; i++) {
    const isLast = i === covers.count;
    const copy = (isLast ? targetSize : covers.newAt[i]!) - at;
    const seek = isLast ? 0 : covers.oldAt[i]! - oldEnd;
    if (add > 0 || copy > 0 || seek !== 0) triples.push({ add, copy, seek });
    if (isLast) break;
    add = covers.length[i]!;
    at = covers.newAt[i]! + add;
    oldEnd = covers.oldAt[i]! + add;
  }
  return triples;
}
