import type { RandomAccess } from '../core/random-access.js';
import type { Machine } from './predict/address-space.js';
import type { ProvenStreams } from './repack/proven-streams.js';

/**
 * Patch formats, by the name that package metadata and the `formats` of a device give them.
 *
 * - `otad`: our own, for an applier that writes to another slot; docs/delta-format.md
 * - `otad-repack`: the same, made through the contents of compressed parts; the applier needs their encoders
 * - `otad-inplace`: the same, for a device that writes over the image it reads
 * - `bsdf2`: bsdiff's triples in three brotli streams, as Android writes them
 * - `bsdiff40`: the classic of bsdiff 4.x, three bzip2 streams
 */
export const DELTA_FORMATS = ['otad', 'otad-repack', 'otad-inplace', 'bsdf2', 'bsdiff40'] as const;

export type DeltaFormat = (typeof DELTA_FORMATS)[number];

/** Those that consist of bsdiff's triples. */
export const BSDIFF_FORMATS = ['bsdf2', 'bsdiff40'] as const satisfies readonly DeltaFormat[];

export type BsdiffFormat = (typeof BSDIFF_FORMATS)[number];

/**
 * How otad packs what it transmits, in the order of their numbers in a patch: not at all, by a general
 * coder, or by context mixing made for differences, which packs best.
 */
export const CODERS = ['none', 'brotli', 'lzma', 'mix'] as const;

export type Coder = (typeof CODERS)[number];

/** How long making a patch may take: `best` makes the smallest one. */
export const EFFORTS = ['fast', 'normal', 'best'] as const;

export type Effort = (typeof EFFORTS)[number];

/** Largest old or new image, bytes: suffix positions are signed 32-bit numbers. */
export const MAX_IMAGE_BYTES = 2 ** 31 - 1;

export interface CreateDeltaOptions {
  format: DeltaFormat;
  basePath: string;
  targetPath: string;
  /** Where the patch goes; must not exist. Removed again when anything fails. */
  outPath: string;
  /** otad: how the patch is packed, a choice of what the device can unpack. */
  coder?: Coder;
  /** Default `best`. */
  effort?: Effort;
  /** Memory that the process may have while it makes the patch, Node among it, bytes; a smaller one chooses cheaper ways. */
  maxMemoryBytes?: number;
  /** otad: whose references are predicted; found in the images where absent. */
  machine?: Machine;
  /** otad: address at which a flat image is loaded; found in the images where absent. */
  baseAddress?: number;
  /** otad-inplace: what the device's storage is like. */
  inPlace?: InPlaceOptions;
  signal?: AbortSignal;
  /** Called with the share that is done, 0 to 1, never falling. */
  onProgress?: (doneFraction: number) => void;
}

export interface InPlaceOptions {
  /** Unit in which the device erases and writes, bytes; a power of two. */
  blockBytes: number;
  /** Free storage behind the image that the device can lend, bytes. */
  spaceBytes?: number;
}

export interface CreatedDelta {
  /** Size of the patch, bytes. */
  size: number;
  /** What applying it needs beyond the runtime, bytes. */
  applyMemoryBytes: number;
  /** Storage that applying it needs beside the slot, bytes: 0 for a patch that is applied while it arrives. */
  storageBytes: number;
  /** The most memory that the process had while it was made, Node among it, bytes: planned before. */
  makingMemoryBytes: number;
  /** otad-repack: bytes of the new image that are packed again. */
  repackedBytes?: number;
  /** What a publisher should know of it, a sentence each; absent where there is nothing. */
  notes?: string[];
}

export interface ApplyDeltaOptions {
  format: DeltaFormat;
  patch: RandomAccess;
  base: RandomAccess;
  /** The size that signed metadata promises for the new image, bytes. */
  targetSize: number;
  /**
   * Whether otad's chunks are hashed one by one. Not where the caller knows the hash of the base, and
   * uses nothing of the new image before it has the right one as a whole: then true says nothing more.
   *
   * @default true
   */
  checkChunks?: boolean;
  signal?: AbortSignal;
  /** otad-repack, in the proof of a fresh patch: streams that need not be packed once more. */
  proven?: ProvenStreams;
}

/** otad has one stream, the `body`; the others are bsdiff's. */
export type StreamName = 'control' | 'diff' | 'extra' | 'body';
export type StreamCompression = Coder | 'bzip2';

/** One stream of a patch: where it lies and how it is packed. */
export interface PatchStream {
  name: StreamName;
  compression: StreamCompression;
  /** First byte inside the patch. */
  offset: number;
  /** Compressed size, bytes. */
  size: number;
  /** Size once decoded, bytes, where the patch says so. */
  decodedBytes?: number;
}

/** What the header of a patch says. */
export interface PatchLayout {
  format: DeltaFormat;
  /** Size of the image the patch makes, bytes. */
  targetSize: number;
  /** In the order of the patch. */
  streams: readonly PatchStream[];
}

/** That of the formats which have three streams. */
export interface BsdiffLayout extends PatchLayout {
  format: BsdiffFormat;
  control: PatchStream;
  diff: PatchStream;
  extra: PatchStream;
}
