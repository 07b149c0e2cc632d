/** Addresses of a unit: from `low` up to but not including `high`. */
export interface AddressRange {
  readonly low: number;
  readonly high: number;
}

/**
 * Masks references in a part of an image that lies in one segment.
 *
 * What becomes of a byte depends on nothing but the bytes near it and their address. Pointers in
 * data stay: among them whole tables would look the same, and the wrong places be taken for equal.
 *
 * @param bytes   is changed from `from` to `to`, and not read elsewhere
 * @param address of bytes[from]
 * @param range   of the segment's unit
 */
export type Masker = (bytes: Uint8Array, from: number, to: number, address: number, range: AddressRange) => void;
