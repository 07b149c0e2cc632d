/**
 * A compressed format whose streams can be replaced by their content and made again, bit for bit.
 *
 * The codec itself is a library's work; here it is named, bounded, and asked for the settings a stream was made with.
 * What it unpacks to may be more than the content (a record of the encoder's choices after it, for instance), as
 * long as `encode` turns it back. One instance serves many streams, in any thread.
 */
export interface Codec {
  /** At most 16 ASCII characters, part of the recipe. */
  readonly name: string;
  /**
   * Library and version that encode, at most 40 ASCII characters, part of the recipe: an applier whose codec says
   * anything else is refused, because other versions make other bytes.
   */
  readonly version: string;

  /**
   * Unpacks the stream that `packed` begins with.
   *
   * @param packed   the stream, perhaps followed by other bytes
   * @param maxBytes the most that it may unpack to; more is a failure, before it is allocated
   * @throws EndsEarly when the stream is good but goes on after `packed`, anything else when this is no such stream,
   *   it is damaged, or too large
   */
  decode(packed: Uint8Array, maxBytes: number): Promise<DecodedStreamBytes>;

  /**
   * Settings that the stream may have been made with, the likeliest first; those that header and size rule out are
   * left out. They are opaque bytes, at most {@link MAX_SETTINGS_BYTES}; equal settings of neighbours cost nothing.
   *
   * @param packed   exactly the stream
   * @param unpacked what `decode` gave for it
   */
  candidates(packed: Uint8Array, unpacked: Uint8Array): Iterable<Uint8Array>;

  /**
   * Whether settings are worth a whole encoding, found from a beginning of a long stream.
   * Asked for streams that unpack to more than {@link TRIAL_BYTES} only.
   */
  trial?(settings: Uint8Array, packed: Uint8Array, unpacked: Uint8Array): Promise<boolean>;

  /**
   * Packs again. The same on every machine, or the version must differ.
   *
   * @throws anything when the settings are none of this codec's
   */
  encode(settings: Uint8Array, unpacked: Uint8Array): Promise<Uint8Array>;

  /** What `decode` needs beyond packed and unpacked bytes, bytes. */
  decoderBytes(unpackedBytes: number): number;
  /** What `encode` needs beyond unpacked and packed bytes, bytes. */
  encoderBytes(settings: Uint8Array, unpackedBytes: number): number;
}

export interface DecodedStreamBytes {
  unpacked: Uint8Array;
  /** How many bytes of `packed` the stream takes. */
  packedBytes: number;
}

/** A stream that is good as far as its bytes go. */
export class EndsEarly extends Error {}

/** Longest settings of one stream, bytes. */
export const MAX_SETTINGS_BYTES = 4096;
/** Streams that unpack to more are tried on a beginning first, bytes. */
export const TRIAL_BYTES = 2 * 1024 * 1024;
/** Settings tried for one stream at most. */
export const MAX_CANDIDATES = 64;
