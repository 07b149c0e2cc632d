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
  /** First 8 bytes of SHA-256 over the packed streams of each of the target's groups, see {@link streamGroups}. */
  checks: Uint8Array[];
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
  /** What it unpacks to, before the streams inside are unpacked. */
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
  /** What its encoder gets, once the streams inside are packed: `unpackedBytes` where there are none. */
  contentBytes: number;
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
/** Streams in one image, those inside others counted too. */
export const MAX_STREAMS = 1 << 16;
/** Codecs in a recipe. */
export const MAX_CODECS = 16;
/** What one stream may unpack to, bytes. */
export const MAX_CONTENT_BYTES = 512 * 1024 * 1024;
/** Deflate packs at most 1,032 times; a stream that claims more is no firmware. */
export const MAX_RATIO = 1040;
/** Length of a check, bytes. */
export const CHECK_BYTES = 8;

const GROUP_STREAMS = 64;
const GROUP_BYTES = 8 * 1024 * 1024;

/**
 * The target's streams in groups that are packed, checked and passed on together: at most 64 streams, and what lies
 * between the first stream's start and the last one's end has at most 8 MiB, or the group is one stream.
 */
export function streamGroups(streams: readonly TargetStream[]): TargetStream[][] {
  const groups: TargetStream[][] = [];
  let groupBytes = 0;
  for (const stream of streams) {
    const last = groups.at(-1);
    groupBytes += stream.gapBytes + stream.unpackedBytes;
    if (last !== undefined && groupBytes <= GROUP_BYTES && last.length < GROUP_STREAMS) last.push(stream);
    else {
      groups.push([stream]);
      groupBytes = stream.unpackedBytes;
    }
  }
  return groups;
}
