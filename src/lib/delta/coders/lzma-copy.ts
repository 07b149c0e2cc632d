/** Below this, a loop is faster than a call. */
const SHORT_BYTES = 24;

/**
 * Repeats, at `at` of a ring, the `length` bytes that begin `distance` bytes back. They may reach into what is made
 * meanwhile, so that two bytes can become two hundred.
 *
 * @param distance 1 to the size of the ring
 * @param length   not beyond the end of the ring
 */
export function copyMatch(ring: Uint8Array, at: number, distance: number, length: number): void {
  let from = at - distance;
  let to = at;
  const end = at + length;
  if (from < 0) {
    from += ring.length;
    for (; from < ring.length && to < end; from++, to++) ring[to] = ring[from]!;
    from = 0;
  }
  if (end - to < SHORT_BYTES) {
    for (; to < end; from++, to++) ring[to] = ring[from]!;
  } else if (distance === 1) {
    ring.fill(ring[from]!, to, end);
  } else {
    // what lies between `from` and `to` is whole periods, and doubles with each step
    while (to < end) {
      const step = Math.min(to - from, end - to);
      ring.copyWithin(to, from, from + step);
      to += step;
    }
  }
}
