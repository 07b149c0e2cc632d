import type { Correction } from './recipe.js';

/** Differences closer than this are one correction: its numbers cost as much. */
const JOIN_BYTES = 4;
/** Corrections are worth it while they take at most this share of the stream. */
const MAX_SHARE = 1 / 16;
/** What a correction costs beside its bytes, about. */
const CORRECTION_BYTES = 4;

/**
 * What turns the bytes that an encoder made into the ones that are wanted.
 *
 * @returns none where they are equal; undefined where they differ too much
 */
export function findCorrections(made: Uint8Array, wanted: Uint8Array): Correction[] | undefined {
  const allowance = Math.max(64, wanted.length * MAX_SHARE);
  const shorter = Math.min(made.length, wanted.length);
  let tail = 0;
  if (made.length !== wanted.length) {
    while (tail < shorter && made[made.length - 1 - tail] === wanted[wanted.length - 1 - tail]) tail++;
  }
  const corrections: Correction[] = [];
  let cost = 0;
  let keptTo = 0;
  const correct = (from: number, madeTo: number, wantedTo: number) => {
    corrections.push({ gapBytes: from - keptTo, droppedBytes: madeTo - from, bytes: wanted.slice(from, wantedTo) });
    cost += wantedTo - from + CORRECTION_BYTES;
    keptTo = madeTo;
  };
  for (let at = nextDifference(made, wanted, 0, shorter); at < shorter && cost <= allowance; ) {
    if (made.length !== wanted.length) {
      // where lengths differ, everything up to the common end is replaced
      tail = Math.min(tail, shorter - at);
      correct(at, made.length - tail, wanted.length - tail);
      return cost <= allowance ? corrections : undefined;
    }
    let end = at + 1;
    let next = nextDifference(made, wanted, end, shorter);
    while (next < shorter && next - end < JOIN_BYTES) {
      end = next + 1;
      next = nextDifference(made, wanted, end, shorter);
      if (end - at > allowance) return undefined;
    }
    correct(at, end, end);
    at = next;
  }
  if (made.length !== wanted.length) correct(shorter, made.length, wanted.length);
  return cost <= allowance ? corrections : undefined;
}

/**
 * Applies corrections.
 *
 * @throws Error when one lies outside the bytes
 */
export function applyCorrections(made: Uint8Array, corrections: readonly Correction[]): Uint8Array {
  if (corrections.length === 0) return made;
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (const { gapBytes, droppedBytes, bytes } of corrections) {
    if (gapBytes + droppedBytes > made.length - at) throw new Error('a correction lies outside its stream');
    pieces.push(made.subarray(at, at + gapBytes), bytes);
    at += gapBytes + droppedBytes;
  }
  return Buffer.concat([...pieces, made.subarray(at)]);
}

function nextDifference(made: Uint8Array, wanted: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && made[at] === wanted[at]) at++;
  return at;
}
