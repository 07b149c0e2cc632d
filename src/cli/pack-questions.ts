import { OtaError } from '../lib/core/errors.js';
import type { ReleaseDraft } from '../lib/package/release-fields.js';
import { promptText } from '../lib/ui/prompts.js';

/** What `pack` cannot do without, and what the options say of it so far. */
export interface PackPlaces {
  to: string[] | undefined;
  out: string | undefined;
}

/**
 * Asks for what a release cannot do without, one question each, and puts the answers into the draft.
 *
 * @throws OtaError USAGE naming the missing option where there is nobody to ask
 */
export async function askForMissing(
  draft: ReleaseDraft,
  { to, out }: PackPlaces,
  signal: AbortSignal,
): Promise<{ to: string[]; out: string }> {
  const images = to ?? [await promptText({ message: 'New image', flag: 'to', signal })];
  draft.product ??= await promptText({ message: 'Product', flag: 'product', signal });
  draft.version ??= await promptText({ message: 'Version of the release', flag: 'version', signal });
  draft.sequence ??= wholeNumber(
    await promptText({ message: 'Sequence (higher than that of the last release)', flag: 'sequence', signal }),
  );
  const compatible = (draft.compatible ?? {}) as { models?: unknown };
  compatible.models ??= [await promptText({ message: 'Device model', flag: 'model', signal })];
  draft.compatible = compatible;
  const path =
    out ?? (await promptText({ message: 'Write the package to', flag: 'out', default: defaultName(draft), signal }));
  return { to: images, out: path };
}

function wholeNumber(text: string): number {
  if (/^\d{1,16}$/.test(text)) return Number(text);
  throw new OtaError('USAGE', `"${text}" is no whole number`, ['Answer with a number such as 7.']);
}

function defaultName({ product, version }: ReleaseDraft): string {
  return `${String(product)}-${String(version)}.ota`;
}
