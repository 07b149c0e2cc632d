/**
 * How two images were unpacked, and how the new one is packed again.
 *
 * An unpacked image is the image with each stream's bytes replaced by what the stream unpacks to. Streams lie in
 * order, do not overlap, and may hold streams themselves.
 */
export interface Recipe {
  /** The codecs that streams name by their place in this list. */
  codecs: RecipeCodec[];
  base: BaseStream[];
  target: TargetStream[];
}

export interface RecipeCodec {
  name: string;
  version: string;
}

/** A stream of the old image, to be unpacked. */
export interface BaseStream {
  codec: number;
  /** Bytes between the end of the stream before (or the start) and this one; they stay as they are. */
  gapBytes: number;
  packedBytes: number;
  /** What it unpacks to before its own streams are unpacked. */
  contentBytes: number;
  /** Streams inside the content. */
  inner: BaseStream[];
}

/** A stream of the new image, to be packed again. */
export interface TargetStream {
  codec: number;
  settings: Uint8Array;
  /** Bytes between the end of the stream before (or the start) and this one, in the unpacked image. */
  gapBytes: number;
  /** Bytes of the unpacked image that become this stream. */
  unpackedBytes: number;
  /** What its encoder gets, once the streams inside are packed. */
  contentBytes: number;
  /** Size of the stream in the new image. */
  packedBytes: number;
  /** Where the encoder's bytes and the real ones differ. */
  corrections: Correction[];
  /** Streams inside the content. */
  inner: TargetStream[];
}

/** Bytes that are put in place of what the encoder made. */
export interface Correction {
  /** Bytes of the encoder's that are kept, since the correction before. */
  gapBytes: number;
  /** Bytes of the encoder's that are dropped. */
  droppedBytes: number;
  /** What stands there instead. */
  bytes: Uint8Array;
}

/** Streams inside streams: bzImage → xz → vmlinux → initramfs → … */
export const MAX_DEPTH = 4;
/** Streams in one image. */
export const MAX_STREAMS = 1 << 18;
/** Codecs in a recipe. */
export const MAX_CODECS = 16;
/** What one stream may unpack to, bytes. */
export const MAX_CONTENT_BYTES = 512 * 1024 * 1024;
/** Deflate, the densest of the codecs that are common, packs at most 1,032 times. */
export const MAX_RATIO = 1040;
/** Largest recipe, bytes. */
export const MAX_RECIPE_BYTES = 64 * 1024 * 1024;
