import type { Control } from './control.js';

/**
 * What a patch transmits after its header, read in the order in which the image is made: the control
 * section, then for each chunk the modes of its blocks, the differences of its blocks, its extra bytes.
 */
export interface BodyReader {
  control(): Promise<Control>;
  /** The modes of the next chunk's blocks. @param most the highest that there is */
  modes(into: Uint8Array, most: number): Promise<void>;
  /** Turns predicted bytes, in place, into those of the new image. */
  correct(chunk: Uint8Array, at: number, length: number, mode: number): Promise<void>;
  /** Fills in bytes that no cover makes. */
  extra(chunk: Uint8Array, at: number, length: number): Promise<void>;
  /** Checks that nothing is left. @throws OtaError PATCH_INVALID when there is */
  requireEnd(): Promise<void>;
  close(): Promise<void>;
}

/** The same from the other side, in the same order. */
export interface BodyWriter {
  control(control: Control, reordered: boolean): Promise<void>;
  modes(modes: Uint8Array): Promise<void>;
  correct(predicted: Uint8Array, actual: Uint8Array, mode: number): Promise<void>;
  extra(bytes: Uint8Array): Promise<void>;
  /** @returns the body in pieces, and its decoded size, bytes */
  finish(): Promise<{ pieces: Uint8Array[]; bodyBytes: number }>;
}
