/**
 * What a seed decides about devices: the same number for the same device and purpose, whatever else happens. So the
 * same devices that fail at 1 % also fail at 2 %, and a campaign changes nothing about a fleet but when it is asked.
 */
export class Draws {
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = mixed(seed | 0);
  }

  /** From 0 up to, not including, 1. */
  at(device: number, purpose: number): number {
    const ofDevice = mixed((this.#seed + Math.imul(device, 0x9e3779b1)) | 0);
    return (mixed((ofDevice + Math.imul(purpose, 0x85ebca77)) | 0) >>> 0) / 2 ** 32;
  }

  /** Of the normal distribution with mean 0 and deviation 1 (Box and Muller). Takes `purpose` and the one behind it. */
  normalAt(device: number, purpose: number): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.at(device, purpose)));
    return radius * Math.cos(2 * Math.PI * this.at(device, purpose + 1));
  }
}

/** The end of MurmurHash3: neighbouring numbers become strangers. */
function mixed(word: number): number {
  let hash = word;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
