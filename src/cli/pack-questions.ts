import { isSemver } from '../lib/package/metadata.js';
import type { ReleaseDraft } from '../lib/package/release-fields.js';
import { promptText, requireTerminalFor } from '../lib/ui/prompts.js';

/** What `pack` cannot do without, and what the options say of it so far. */
export interface PackPlaces {
  to: string[] | undefined;
  out: string | undefined;
}

/**
 * Asks for what a release cannot do without, one question each, and puts the answers into the draft.
 *
 * @throws OtaError USAGE naming all that is missing where there is nobody to ask
 */
export async function askForMissing(
  draft: ReleaseDraft,
  { to, out }: PackPlaces,
  signal: AbortSignal,
): Promise<{ to: string[]; out: string }> {
  const compatible = (draft.compatible ?? {}) as { models?: unknown };
  const { product, version, sequence } = draft;
  const wanted = { to, product, version, sequence, model: compatible.models, out };
  requireTerminalFor(Object.entries(wanted).flatMap(([flag, value]) => (value === undefined ? [flag] : [])));

  const ask = (message: string, flag: string, validate = isAnswered) => promptText({ message, flag, validate, signal });
  const images = to ?? [await ask('New image', 'to')];
  draft.product ??= await ask('Product', 'product');
  draft.version ??= await ask('Version of the release', 'version', isVersion);
  draft.sequence ??= Number(await ask('Sequence (higher than that of the last release)', 'sequence', isWholeNumber));
  compatible.models ??= [await ask('Device model', 'model')];
  draft.compatible = compatible;
  const path =
    out ?? (await promptText({ message: 'Write the package to', flag: 'out', default: defaultName(draft), signal }));
  return { to: images, out: path };
}

/** A wrong answer is asked for again, so that the good ones before it are not lost. */
type Verdict = true | string;

function isAnswered(answer: string): Verdict {
  return answer.trim() !== '' || 'Type an answer, or press Ctrl-C to leave.';
}

function isVersion(answer: string): Verdict {
  return isSemver(answer) || 'Type a semantic version such as 2.1.0.';
}

function isWholeNumber(answer: string): Verdict {
  return (/^\d+$/.test(answer) && Number.isSafeInteger(Number(answer))) || 'Type a whole number such as 7.';
}

function defaultName({ product, version }: ReleaseDraft): string {
  return `${String(product)}-${String(version)}.ota`;
}
