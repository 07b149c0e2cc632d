/** Text whose suffixes are sorted: bytes, or below that the names of its own substrings. */
type Text = Uint8Array | Int32Array;

const BYTE_VALUES = 256;

/**
 * Sorts all suffixes of `text`: result[i] is where the i-th smallest starts.
 *
 * SA-IS: only the suffixes that start a "leftmost S" (LMS) position, at most
 * every second one, are sorted by recursion on their names; the order of all
 * others follows from theirs in two linear scans. Time is linear whatever the
 * text holds, the recursion is at most 31 deep, and beside text and result it
 * takes a bit per byte and the tables of the names.
 *
 * @param text at most 2^31 − 1 bytes
 * @see Nong, Zhang, Chan: Two Efficient Algorithms for Linear Time Suffix Array Construction (2011)
 */
export function suffixArray(text: Uint8Array): Int32Array {
  const sorted = new Int32Array(text.length);
  sortSuffixes(text, sorted, BYTE_VALUES);
  return sorted;
}

function sortSuffixes(text: Text, sorted: Int32Array, alphabetSize: number): void {
  const size = text.length;
  if (size < 2) return; // the only suffix starts at 0
  const counts = new Int32Array(alphabetSize);
  for (let i = 0; i < size; i++) counts[text[i]!]!++;
  const isLms = new Uint8Array((size >>> 3) + 1);
  const lmsCount = markLms(text, isLms);
  if (lmsCount > 1) {
    seedWithLms(text, sorted, counts, isLms);
    induce(text, sorted, counts);
    sortLms(text, sorted, isLms, lmsCount);
    placeLms(text, sorted, counts, lmsCount);
  } else {
    seedWithLms(text, sorted, counts, isLms);
  }
  induce(text, sorted, counts);
}

/**
 * Position i has type S when its suffix is smaller than the one at i + 1, else
 * L; it is LMS when it has type S and i − 1 has type L.
 */
function markLms(text: Text, isLms: Uint8Array): number {
  let lmsCount = 0;
  let isS = false;
  let next = text[text.length - 1]!;
  for (let i = text.length - 2; i >= 0; i--) {
    const value = text[i]!;
    if (value < next) {
      isS = true;
    } else if (value > next) {
      if (isS) {
        isLms[(i + 1) >>> 3]! |= 1 << ((i + 1) & 7);
        lmsCount++;
      }
      isS = false;
    }
    next = value;
  }
  return lmsCount;
}

/** Calls back for each marked position, ascending. */
function forEachLms(isLms: Uint8Array, visit: (position: number) => void): void {
  for (let byte = 0; byte < isLms.length; byte++) {
    for (let bits = isLms[byte]!; bits !== 0; bits &= bits - 1) visit(byte * 8 + 31 - Math.clz32(bits & -bits));
  }
}

/** Puts the LMS positions, in any order, at the ends of the buckets of their first values. */
function seedWithLms(text: Text, sorted: Int32Array, counts: Int32Array, isLms: Uint8Array): void {
  sorted.fill(0);
  const ends = bucketEnds(counts);
  forEachLms(isLms, (position) => {
    sorted[--ends[text[position]!]!] = position;
  });
}

/** Puts the LMS positions sorted[0 … lmsCount), keeping their order, at the ends of their buckets. */
function placeLms(text: Text, sorted: Int32Array, counts: Int32Array, lmsCount: number): void {
  const ends = bucketEnds(counts);
  for (let i = lmsCount - 1; i >= 0; i--) {
    const position = sorted[i]!;
    sorted[i] = 0;
    sorted[--ends[text[position]!]!] = position;
  }
}

/**
 * From LMS positions at the ends of their buckets to the order of all.
 *
 * A suffix of type L sorts right after the place its successor was found at,
 * scanning up; one of type S right before it, scanning down. During the upward
 * scan an entry is complemented when it has no predecessor of type L; during
 * the downward scan, when it has none of type S. 0 stands for an empty place
 * as well, since the first suffix has no predecessor.
 */
function induce(text: Text, sorted: Int32Array, counts: Int32Array): void {
  const size = text.length;
  const heads = bucketStarts(counts);
  let value = text[size - 1]!;
  let head = heads[value]!;
  sorted[head++] = text[size - 2]! < value ? ~(size - 1) : size - 1;
  for (let i = 0; i < size; i++) {
    const found = sorted[i]!;
    sorted[i] = ~found;
    if (found <= 0) continue;
    const position = found - 1;
    const first = text[position]!;
    if (first !== value) {
      heads[value] = head;
      value = first;
      head = heads[value]!;
    }
    sorted[head++] = position > 0 && text[position - 1]! < value ? ~position : position;
  }

  const ends = bucketEnds(counts);
  value = 0;
  let end = ends[0]!;
  for (let i = size - 1; i >= 0; i--) {
    const found = sorted[i]!;
    if (found <= 0) {
      sorted[i] = ~found;
      continue;
    }
    const position = found - 1;
    const first = text[position]!;
    if (first !== value) {
      ends[value] = end;
      value = first;
      end = ends[value]!;
    }
    sorted[--end] = position === 0 || text[position - 1]! > value ? ~position : position;
  }
}

/**
 * Leaves the LMS positions in sorted[0 … lmsCount), ordered by their whole
 * suffixes, given that `sorted` has them ordered by their LMS substrings (each
 * up to and with the next LMS position). The rest of `sorted` becomes 0.
 */
function sortLms(text: Text, sorted: Int32Array, isLms: Uint8Array, lmsCount: number): void {
  const size = text.length;
  let found = 0;
  for (let i = 0; i < size; i++) {
    const position = sorted[i]!;
    if ((isLms[position >>> 3]! & (1 << (position & 7))) !== 0) sorted[found++] = position;
  }
  const nameCount = nameSubstrings(text, sorted, isLms, lmsCount);
  if (nameCount < lmsCount) {
    // equal substrings: sort the suffixes of the text of names, which lies at the end of `sorted`
    const names = sorted.subarray(size - lmsCount);
    let to = size;
    for (let i = size - 1; i >= lmsCount; i--) if (sorted[i]! > 0) sorted[--to] = sorted[i]! - 1;
    sortSuffixes(names, sorted.subarray(0, lmsCount), nameCount);
    let next = size - lmsCount;
    forEachLms(isLms, (position) => {
      sorted[next++] = position;
    });
    for (let i = 0; i < lmsCount; i++) sorted[i] = names[sorted[i]!]!;
  }
  sorted.fill(0, lmsCount);
}

/**
 * Numbers the distinct LMS substrings in their order, and notes 1 + the number
 * for each position p in sorted[lmsCount + p / 2]: LMS positions are at least
 * two apart.
 *
 * @returns how many distinct ones there are
 */
function nameSubstrings(text: Text, sorted: Int32Array, isLms: Uint8Array, lmsCount: number): number {
  const size = text.length;
  sorted.fill(0, lmsCount);
  let last = -1;
  forEachLms(isLms, (position) => {
    if (last >= 0) sorted[lmsCount + (last >>> 1)] = position - last + 1;
    last = position;
  });
  sorted[lmsCount + (last >>> 1)] = size - last + 1; // the last one ends with the end of the text, unlike all others
  let nameCount = 0;
  let previous = 0;
  let previousLength = 0;
  for (let i = 0; i < lmsCount; i++) {
    const position = sorted[i]!;
    const length = sorted[lmsCount + (position >>> 1)]!;
    let same = length === previousLength && position + length <= size && previous + length <= size;
    for (let k = 0; same && k < length; k++) same = text[position + k] === text[previous + k];
    if (!same) {
      nameCount++;
      previous = position;
      previousLength = length;
    }
    sorted[lmsCount + (position >>> 1)] = nameCount;
  }
  return nameCount;
}

function bucketStarts(counts: Int32Array): Int32Array {
  const starts = new Int32Array(counts.length);
  for (let i = 1; i < counts.length; i++) starts[i] = starts[i - 1]! + counts[i - 1]!;
  return starts;
}

function bucketEnds(counts: Int32Array): Int32Array {
  const ends = new Int32Array(counts.length);
  let end = 0;
  for (let i = 0; i < counts.length; i++) {
    end += counts[i]!;
    ends[i] = end;
  }
  return ends;
}
