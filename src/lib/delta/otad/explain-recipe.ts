import type { RandomAccess } from '../../core/random-access.js';
import type { PatchExplanation } from '../explain-patch.js';
import { invalidPatch } from '../patch-error.js';
import type { Recipe, TargetStream } from '../repack/recipe.js';
import { readRecipe } from '../repack/recipe-reader.js';
import { openUnpackedBase } from '../repack/unpacked-base.js';
import type { OtadLayout } from './otad-layout.js';

/** What a repacked patch unpacks, and the old image as it compares it. */
export interface ExplainedRecipe extends AsyncDisposable {
  unpacked: NonNullable<PatchExplanation['unpacked']>;
  base?: RandomAccess;
}

/** @throws OtaError PATCH_INVALID, TOOL_MISSING, NOT_REPRODUCIBLE as `applyDelta` */
export async function explainRecipe(
  { header, repack }: OtadLayout,
  patchName: string,
  base: RandomAccess | undefined,
  signal: AbortSignal | undefined,
): Promise<ExplainedRecipe | undefined> {
  if (repack === undefined) return undefined;
  if (base !== undefined && base.size !== repack.baseSize) {
    throw invalidPatch(
      patchName,
      `it applies to an image of ${repack.baseSize} bytes, ${base.name} has ${base.size}: this is another base`,
    );
  }
  const { baseSize: unpackedBaseSize, targetSize: unpackedTargetSize } = header;
  const recipe = readRecipe(
    repack.recipe,
    { baseSize: repack.baseSize, unpackedBaseSize, unpackedTargetSize },
    patchName,
  );
  const opened = base && (await openUnpackedBase(recipe, base, { patchName, signal }));
  return {
    unpacked: { baseBytes: unpackedBaseSize, targetBytes: unpackedTargetSize, codecs: codecsOf(recipe) },
    ...(opened && { base: opened }),
    [Symbol.asyncDispose]: async () => opened?.[Symbol.asyncDispose](),
  };
}

function codecsOf({ codecs, target }: Recipe): NonNullable<PatchExplanation['unpacked']>['codecs'] {
  const counted = codecs.map((codec) => ({ ...codec, streams: 0, unpackedBytes: 0 }));
  const count = (streams: readonly TargetStream[]): void => {
    for (const { codec, contentBytes, inner } of streams) {
      counted[codec]!.streams++;
      counted[codec]!.unpackedBytes += contentBytes;
      count(inner);
    }
  };
  count(target);
  return counted.filter(({ streams }) => streams > 0);
}
