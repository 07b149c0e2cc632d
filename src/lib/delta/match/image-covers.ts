import { CoverList } from './cover-list.js';
import type { Covers } from './covers.js';
import type { Pieces } from './pieces.js';

/** Covers between pieces that are laid end to end, as covers of the images: cut where a piece ends. */
export function imageCovers(covers: Covers, old: Pieces, target: Pieces): Covers {
  const list = new CoverList();
  for (let i = 0; i < covers.count; i++) {
    for (let done = 0; done < covers.length[i]!; ) {
      const from = old.partFrom(covers.oldAt[i]! + done);
      const to = target.partFrom(covers.newAt[i]! + done);
      const length = Math.min(covers.length[i]! - done, from.length, to.length);
      list.add(to.imageAt, from.imageAt, length);
      done += length;
    }
  }
  return list.covers();
}
