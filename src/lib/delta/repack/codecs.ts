import { OtaError } from '../../core/errors.js';
import { escapeText } from '../../core/text.js';
import type { Codec } from './codec.js';
import type { RecipeCodec } from './recipe.js';
import type { StreamFinder } from './stream-finder.js';

const CODECS: Record<string, () => Promise<Codec>> = {
  'lzma-parse': async () => (await import('./codecs/lzma-parse.js')).lzmaParse,
  'lzma-sdk': async () => (await import('./codecs/lzma-sdk.js')).lzmaSdk,
  xz: async () => (await import('./codecs/xz.js')).xz,
  gzip: async () => (await import('./codecs/gzip.js')).gzip,
  zlib: async () => (await import('./codecs/zlib.js')).zlib,
  zstd: async () => (await import('./codecs/zstd.js')).zstd,
  'lz4-block': async () => (await import('./codecs/lz4-block.js')).lz4Block,
};

/** Containers first: they know where their streams end. */
const FINDERS: (() => Promise<StreamFinder>)[] = [
  async () => (await import('./finders/squashfs.js')).squashfs,
  async () => (await import('./finders/bzimage.js')).bzimage,
  async () => (await import('./finders/uefi.js')).uefi,
  async () => (await import('./finders/stream-magic.js')).streamMagic,
  async () => (await import('./finders/lzma-alone.js')).lzmaAlone,
  async () => (await import('./finders/zlib-stream.js')).zlibStream,
];

/** @returns undefined for a name that is none of ours */
export async function findCodec(name: string): Promise<Codec | undefined> {
  return Object.hasOwn(CODECS, name) ? CODECS[name]!() : undefined;
}

export function loadFinders(): Promise<StreamFinder[]> {
  return Promise.all(FINDERS.map((load) => load()));
}

/**
 * The codecs that a recipe names, in its order, each of the version that made the patch.
 *
 * @throws OtaError TOOL_MISSING for a codec or a version that is not here
 */
export async function requireCodecs(codecs: readonly RecipeCodec[], patchName: string): Promise<Codec[]> {
  return Promise.all(
    codecs.map(async ({ name, version }) => {
      const codec = await findCodec(name);
      if (codec?.version === version) return codec;
      const here = codec === undefined ? 'there is none here' : `${codec.version} is here`;
      throw new OtaError(
        'TOOL_MISSING',
        `${patchName}: packing again needs the ${escapeText(name)} encoder ${escapeText(version)}, ${here}`,
        [
          'Apply it with the version of ota-fleet that made it.',
          'Or use a patch of format otad, which packs nothing again.',
        ],
      );
    }),
  );
}
