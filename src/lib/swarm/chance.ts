/**
 * What a seed decides about one device on one occasion, from 0 up to, not including, 1. The order of occasions does not
 * matter: whatever else happens, the same device meets the same fate.
 *
 * @param occasion what is decided, with whatever makes it the only one: `['boot', '2.1.0', 1]`
 */
export function chanceOf(seed: number, deviceId: string, ...occasion: readonly (string | number)[]): number {
  return mixed(hashOf(`${deviceId}\n${occasion.join('\n')}`, seed)) / 2 ** 32;
}

/** A number between two bounds. */
export function between([from, to]: readonly [number, number], chance: number): number {
  return from + (to - from) * chance;
}

/** One of several things, each as likely as its weight says; the first one where all weights are 0. */
export function weighted<T extends { readonly weight: number }>(choices: readonly T[], chance: number): T {
  const total = choices.reduce((sum, { weight }) => sum + weight, 0);
  let rest = chance * total;
  for (const choice of choices) {
    if (rest < choice.weight) return choice;
    rest -= choice.weight;
  }
  return choices[0]!;
}

/** FNV-1a over UTF-16 code units, begun with the seed. */
function hashOf(text: string, seed: number): number {
  let hash = (0x811c9dc5 ^ Math.imul(seed, 0x9e3779b1)) >>> 0;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** Names that differ in their last digit alone must not get neighbouring numbers (the end of MurmurHash3). */
function mixed(word: number): number {
  let hash = word;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
