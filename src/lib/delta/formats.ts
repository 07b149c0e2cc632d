import type { RandomAccess } from '../core/random-access.js';

/**
 * Patch formats, by the name that package metadata gives them.
 *
 * - `bsdf2`: bsdiff's triples in three brotli streams, as Android writes them
 * - `bsdiff40`: the classic of bsdiff 4.x, three bzip2 streams
 */
export const DELTA_FORMATS = ['bsdf2', 'bsdiff40'] as const;

export type DeltaFormat = (typeof DELTA_FORMATS)[number];

/** Largest old or new image, bytes: suffix positions are signed 32-bit numbers. */
export const MAX_IMAGE_BYTES = 2 ** 31 - 1;

export interface CreateDeltaOptions {
  format: DeltaFormat;
  basePath: string;
  targetPath: string;
  /** Where the patch goes; must not exist. Removed again when anything fails. */
  outPath: string;
  signal?: AbortSignal;
  /** Called with the share that is done, 0 to 1, never falling. */
  onProgress?: (doneFraction: number) => void;
}

export interface CreatedDelta {
  /** Size of the patch, bytes. */
  size: number;
  /** What applying it needs beyond the runtime, bytes. */
  applyMemoryBytes: number;
}

export interface ApplyDeltaOptions {
  format: DeltaFormat;
  patch: RandomAccess;
  base: RandomAccess;
  /** The size that signed metadata promises for the new image, bytes. */
  targetSize: number;
  signal?: AbortSignal;
}

export type StreamName = 'control' | 'diff' | 'extra';
export type StreamCompression = 'none' | 'bzip2' | 'brotli';

/** One of a patch's three streams: where it lies and how it is packed. */
export interface PatchStream {
  name: StreamName;
  compression: StreamCompression;
  /** First byte inside the patch. */
  offset: number;
  /** Compressed size, bytes. */
  size: number;
}

/** What the header of a patch says. */
export interface PatchLayout {
  format: DeltaFormat;
  /** Size of the image the patch makes, bytes. */
  targetSize: number;
  control: PatchStream;
  diff: PatchStream;
  extra: PatchStream;
}
