import type { Control } from './control.js';

/** A block's bytes on their way from the old image to the new one. */
export interface BlockBytes {
  old: Uint8Array;
  /** The old bytes with their references pointed to where they went; of the same length. */
  predicted: Uint8Array;
  /** What the new image has: read when a patch is made, written when it is applied. */
  actual: Uint8Array;
  /** First byte in the new image. */
  newAt: number;
  mode: number;
}

/**
 * What a patch transmits after its header, read in the order in which the image is made: the control
 * section; then for each chunk, block by block, mode and differences, and between or after them its
 * extra bytes. docs/delta-format.md, "Body"
 */
export interface BodyReader {
  /** Extra bytes come where they lie between blocks, not after all blocks of their chunk. */
  readonly inImageOrder: boolean;
  control(): Promise<Control>;
  /** To be called before each chunk. @param blocks how many it has */
  chunk(blocks: number): Promise<void>;
  /**
   * Passes over those of the next blocks that are old bytes as they are, up to the first that may be not.
   *
   * @param most how many at most
   * @returns how many; 0 where only their bytes tell
   */
  unchanged(most: number): number;
  /** The mode of the next block. @param length its bytes */
  mode(length: number): number | Promise<number>;
  /** Makes the new bytes of the block whose mode was read last. @returns whether they differ from the predicted ones */
  correct(block: BlockBytes): boolean | Promise<boolean>;
  /** Fills in bytes that no cover makes. */
  extra(actual: Uint8Array, newAt: number): Promise<void>;
  /** Checks that nothing is left. @throws OtaError PATCH_INVALID when there is */
  requireEnd(): Promise<void>;
  close(): Promise<void>;
}

/** The same from the other side, in the same order. */
export interface BodyWriter {
  readonly inImageOrder: boolean;
  control(control: Control, reordered: boolean): Promise<void>;
  /** @param modes of its blocks */
  chunk(modes: Uint8Array): Promise<void>;
  /** @returns whether the new bytes differ from the predicted ones */
  correct(block: BlockBytes): boolean | Promise<boolean>;
  extra(actual: Uint8Array, newAt: number): Promise<void>;
  finish(): Promise<PackedBody>;
}

export interface PackedBody {
  pieces: Uint8Array[];
  /** Size once decoded, bytes; 0 where the coder does not need it. */
  bodyBytes: number;
}
