/**
 * Where a name stands in an order that a seed gives: a number of 53 bits that depends on nothing but the two, so a device
 * that comes or goes moves no other. Good for choosing fairly, nothing for secrets.
 *
 * The mixing is that of MurmurHash3, in two lanes.
 */
export function seededRank(name: string, seed: number): number {
  let high = 0xdeadbeef ^ seed ^ Math.floor(seed / 2 ** 32);
  let low = 0x41c6ce57 ^ seed;
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at);
    high = Math.imul(high ^ code, 0x85ebca6b);
    low = Math.imul(low ^ code, 0xc2b2ae35);
  }
  high = mixed(high, low);
  low = mixed(low, high);
  return (high & 0x1fffff) * 2 ** 32 + (low >>> 0);
}

function mixed(lane: number, other: number): number {
  let value = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b) ^ Math.imul(other ^ (other >>> 13), 0xc2b2ae35);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return value ^ (value >>> 16);
}
