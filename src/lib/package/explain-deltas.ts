import type { RandomAccess } from '../core/random-access.js';
import { sha256OfAccess } from '../core/sha256.js';
import { explainPatch, type PatchExplanation } from '../delta/explain-patch.js';
import type { ListedPayload } from './authenticate.js';

/** What a delta of a package is made of, by what it says itself. */
export interface ExplainedDelta extends PatchExplanation {
  file: string;
}

/**
 * Explains the deltas of a container, each with the image it applies to where that is among the given ones.
 *
 * @param onUnused called with the name of each given image that none applies to
 *
 * @throws OtaError as `explainPatch`
 */
export async function explainDeltas(
  payloads: readonly ListedPayload[],
  bases: ReadonlyMap<string, RandomAccess>,
  { signal, onUnused }: { signal?: AbortSignal; onUnused?: (name: string) => void } = {},
): Promise<ExplainedDelta[]> {
  const byHash = new Map<string, RandomAccess>();
  for (const base of bases.values()) byHash.set(await sha256OfAccess(base, { ...(signal && { signal }) }), base);
  const known = new Set(payloads.map(({ entry }) => entry.base?.sha256));
  for (const [sha256, { name }] of byHash) if (!known.has(sha256)) onUnused?.(name);
  const explained: ExplainedDelta[] = [];
  for (const { entry, data } of payloads) {
    if (entry.format === 'full') continue;
    const base = entry.base && byHash.get(entry.base.sha256);
    const options = { ...(base && { base }), ...(signal && { signal }) };
    explained.push({ file: entry.file, ...(await explainPatch(entry.format, data, options)) });
  }
  return explained;
}
