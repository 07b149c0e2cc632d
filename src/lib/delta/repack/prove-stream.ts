import { type Codec, MAX_CANDIDATES, MAX_SETTINGS_BYTES, TRIAL_BYTES } from './codec.js';
import { findCorrections } from './corrections.js';
import type { Correction } from './recipe.js';

/** How a stream is made from its content. */
export interface StreamProof {
  settings: Uint8Array;
  corrections: Correction[];
}

/**
 * Finds settings with which a codec makes a stream again, by making it.
 *
 * @param likely   settings that served streams before this one; they are tried first
 * @returns the first settings that make exactly the stream, else those that need the fewest corrections, else
 *   undefined
 */
export async function proveStream(
  codec: Codec,
  packed: Uint8Array,
  unpacked: Uint8Array,
  likely: readonly Uint8Array[],
): Promise<StreamProof | undefined> {
  let best: StreamProof | undefined;
  let bestBytes = Number.POSITIVE_INFINITY;
  for (const settings of inOrder([...codec.candidates(packed, unpacked)], likely)) {
    if (unpacked.length > TRIAL_BYTES && (await codec.trial?.(settings, packed, unpacked)) === false) continue;
    const corrections = findCorrections(await codec.encode(settings, unpacked), packed);
    if (corrections?.length === 0) return { settings, corrections };
    const correctedBytes = corrections?.reduce((sum, { bytes }) => sum + bytes.length + 4, 0) ?? bestBytes;
    if (corrections !== undefined && correctedBytes < bestBytes) {
      bestBytes = correctedBytes;
      best = { settings, corrections };
    }
  }
  return best;
}

function inOrder(candidates: Uint8Array[], likely: readonly Uint8Array[]): Uint8Array[] {
  const rank = (settings: Uint8Array) => likely.findIndex((known) => Buffer.compare(known, settings) === 0);
  const known = candidates.filter((settings) => rank(settings) >= 0).sort((one, other) => rank(one) - rank(other));
  const others = candidates.filter((settings) => rank(settings) < 0);
  return [...known, ...others].filter(({ length }) => length <= MAX_SETTINGS_BYTES).slice(0, MAX_CANDIDATES);
}
