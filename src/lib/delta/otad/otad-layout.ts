import type { RandomAccess } from '../../core/random-access.js';
import type { DeltaFormat, PatchLayout, PatchStream } from '../formats.js';
import { invalidPatch } from '../patch-error.js';
import { type OtadHeader, readHeader } from './header.js';
import { type RecipeSection, readRecipeSection } from './recipe-section.js';

export type OtadFormat = Extract<DeltaFormat, `otad${string}`>;

/** What the header of an otad patch says, and where its body lies. */
export interface OtadLayout extends PatchLayout {
  format: OtadFormat;
  header: OtadHeader;
  body: PatchStream;
  /** Of an `otad-repack` patch. */
  repack?: RecipeSection;
}

export function isOtad(format: DeltaFormat): format is OtadFormat {
  return format.startsWith('otad');
}

export function isOtadLayout(layout: PatchLayout): layout is OtadLayout {
  return isOtad(layout.format);
}

/** The name of the format that a header is of. */
export function otadFormat({ repacked, reordered }: OtadHeader): OtadFormat {
  return repacked ? 'otad-repack' : reordered ? 'otad-inplace' : 'otad';
}

/**
 * Reads the header of an otad patch and lays out its body.
 *
 * @throws OtaError PATCH_INVALID: see {@link readHeader}; a patch of another of the three names
 */
export async function otadLayout(format: OtadFormat, patch: RandomAccess): Promise<OtadLayout> {
  const header = await readHeader(patch);
  const named = otadFormat(header);
  if (named !== format) throw invalidPatch(patch.name, `it is a patch of format ${named}, expected ${format}`);
  const recipe = header.repacked ? await readRecipeSection(patch, header.size) : undefined;
  const offset = recipe?.end ?? header.size;
  const body: PatchStream = {
    name: 'body',
    compression: header.coder,
    offset,
    size: patch.size - offset,
    decodedBytes: header.bodyBytes,
  };
  const layout = { format, targetSize: header.targetSize, streams: [body], header, body };
  if (recipe === undefined) return layout;
  return { ...layout, targetSize: recipe.section.targetSize, repack: recipe.section };
}
