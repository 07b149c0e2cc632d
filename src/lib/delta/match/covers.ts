/**
 * Which parts of the new image come from which parts of the old one, a column for each number.
 *
 * Covers are in the order of the new image, have at least one byte, do not overlap there, and lie
 * inside both images. In the old image they may overlap and come in any order.
 */
export interface Covers {
  readonly count: number;
  /** First byte in the new image. */
  readonly newAt: Int32Array;
  /** First byte in the old image. */
  readonly oldAt: Int32Array;
  /** Bytes. */
  readonly length: Int32Array;
  /** Parts of them that are known to be the same in both images, byte for byte; there may be more. */
  readonly exact?: Covers;
}
