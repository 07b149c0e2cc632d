/** Instruction sets whose references are predicted, in the order of their numbers in a patch. */
export const MACHINES = ['none', 'thumb', 'arm', 'aarch64', 'x86-64', 'riscv', 'xtensa'] as const;

export type Machine = (typeof MACHINES)[number];

/**
 * A part of an image that is loaded to one range of addresses.
 *
 * An image that is a file of its own (ELF, PE) or has such files inside (a file system) has several;
 * those of one file share a `unit`, and a reference never leaves its unit. A flat image is one
 * segment of one unit. A segment is also cut where a table of distances from its own start begins,
 * such as `.eh_frame_hdr`.
 */
export interface Segment {
  /** First byte in the image. */
  readonly fileAt: number;
  /**
   * Address of that byte. Addresses are signed: those of a 64-bit kernel, from 2^63 on, are
   * negative. Always a safe integer.
   */
  readonly address: number;
  /** Bytes. */
  readonly size: number;
  readonly unit: number;
}

/** What a patch says of where both images are loaded; the applier reads it and parses neither image. */
export interface AddressSpaces {
  readonly machine: Machine;
  /** Sorted by `fileAt`, not overlapping. */
  readonly old: readonly Segment[];
  readonly new: readonly Segment[];
}
