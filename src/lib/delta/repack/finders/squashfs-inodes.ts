/** The data blocks of one file: where the first one lies, and the size word of each. */
export interface FileBlocks {
  at: number;
  sizes: number[];
}

const HEADER_BYTES = 16;
const NO_FRAGMENT = 0xffffffff;
/** Length of inodes without what follows them, by type. @see Linux, fs/squashfs/squashfs_fs.h */
const FIXED_BYTES: Record<number, number> = {
  1: 32,
  2: 32,
  3: 24,
  4: 24,
  5: 24,
  6: 20,
  7: 20,
  8: 40,
  9: 56,
  10: 24,
  11: 28,
  12: 28,
  13: 24,
  14: 24,
};
const [FILE, LINK, LONG_DIRECTORY, LONG_FILE, LONG_LINK] = [2, 3, 8, 9, 10];
const INDEX_ENTRY_BYTES = 12;

/**
 * Lists the data blocks of all files in an inode table, one inode after the other, until one makes no sense.
 *
 * @param inodes the unpacked table
 */
export function* dataBlocks(inodes: Uint8Array, blockBytes: number): Generator<FileBlocks> {
  const view = new DataView(inodes.buffer, inodes.byteOffset, inodes.length);
  for (let at = 0; at + HEADER_BYTES <= inodes.length; ) {
    const type = view.getUint16(at, true);
    const fixed = FIXED_BYTES[type];
    if (fixed === undefined || at + fixed > inodes.length) return;
    let end = at + fixed;
    if (type === LINK || type === LONG_LINK) end += view.getUint32(at + 20, true) + (type === LONG_LINK ? 4 : 0);
    else if (type === LONG_DIRECTORY) end = afterIndex(view, end, view.getUint16(at + 32, true));
    else if (type === FILE || type === LONG_FILE) {
      const file = type === FILE ? shortFile(view, at) : longFile(view, at);
      const blocks =
        file.fragment === NO_FRAGMENT ? Math.ceil(file.size / blockBytes) : Math.floor(file.size / blockBytes);
      if (blocks > (inodes.length - end) / 4) return;
      const sizes = Array.from({ length: blocks }, (_, i) => view.getUint32(end + 4 * i, true));
      yield { at: file.at, sizes };
      end += 4 * blocks;
    }
    at = end;
  }
}

function shortFile(view: DataView, at: number): { at: number; fragment: number; size: number } {
  return {
    at: view.getUint32(at + 16, true),
    fragment: view.getUint32(at + 20, true),
    size: view.getUint32(at + 28, true),
  };
}

function longFile(view: DataView, at: number): { at: number; fragment: number; size: number } {
  return {
    at: Number(view.getBigUint64(at + 16, true)),
    size: Number(view.getBigUint64(at + 24, true)),
    fragment: view.getUint32(at + 44, true),
  };
}

/** Steps over the index of a long directory: entries with names of their own length. */
function afterIndex(view: DataView, start: number, entries: number): number {
  let at = start;
  for (let entry = 0; entry < entries && at + INDEX_ENTRY_BYTES <= view.byteLength; entry++) {
    at += INDEX_ENTRY_BYTES + view.getUint32(at + 8, true) + 1;
  }
  return at;
}
