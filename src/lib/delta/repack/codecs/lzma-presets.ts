/** How liblzma searches for matches; the dictionary is told apart. */
export interface LzmaSearch {
  mode: number;
  mf: number;
  niceLen: number;
  depth: number;
}

const [FAST, NORMAL] = [1, 2];
const [HC3, HC4, BT4] = [0x03, 0x04, 0x14];
/** Added to a level for its extreme variant, `-6e`. */
const EXTREME = 16;

/**
 * @param preset level 0 to 9, plus 16 for the extreme variant
 * @see liblzma, lzma_encoder_presets.c
 */
export function lzmaPreset(preset: number): LzmaSearch {
  const level = preset % EXTREME;
  if (preset >= 2 * EXTREME || level > 9) throw new Error('no preset of LZMA');
  if (preset >= EXTREME) {
    return level === 3 || level === 5
      ? { mode: NORMAL, mf: BT4, niceLen: 192, depth: 0 }
      : { mode: NORMAL, mf: BT4, niceLen: 273, depth: 512 };
  }
  if (level > 3) return { mode: NORMAL, mf: BT4, niceLen: level === 4 ? 16 : level === 5 ? 32 : 64, depth: 0 };
  return { mode: FAST, mf: level === 0 ? HC3 : HC4, niceLen: level < 2 ? 128 : 273, depth: [4, 8, 24, 48][level]! };
}

/** Presets that differ, likeliest first: 6 to 9 are one search, their extreme variants another. */
export function likelyPresets(dictionaryBytes: number): number[] {
  const common = [6, 6 + EXTREME, 5, 5 + EXTREME, 4, 3, 2, 1, 0];
  const own: Record<number, number> = { [2 ** 18]: 0, [2 ** 20]: 1, [2 ** 21]: 2 };
  const first = own[dictionaryBytes];
  return first === undefined ? common : [6, first, ...common.slice(1).filter((preset) => preset !== first)];
}
