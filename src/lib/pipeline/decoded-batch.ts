/** Why a line is no message. */
export interface Reject {
  /** From 1, in its source. */
  readonly line: number;
  /** Where it lies in `bytes`, without its line feed. */
  readonly start: number;
  readonly end: number;
  /** One clause without a full stop, for the dead letter. */
  readonly cause: string;
}

/** A chunk of lines after decoding, in columns so that it crosses threads without copies. */
export interface DecodedBatch {
  /** The lines of the chunk; lines that got a derived id carry it as their first member. */
  readonly bytes: Uint8Array;
  /** Valid messages. */
  readonly count: number;
  /** Byte range of each valid message in `bytes`; `ends` is behind its line feed. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  /** Byte range of each id's text in `bytes`, inside its quotes. */
  readonly idStarts: Uint32Array;
  readonly idEnds: Uint32Array;
  /** 4 words for each key, mixed with the store's secret. */
  readonly keys: Uint32Array;
  /** 2 words for each message, or empty without payload digests. */
  readonly digests: Uint32Array;
  /** Milliseconds since 1970; NaN where a message has none. */
  readonly timestamps: Float64Array;
  readonly rejects: readonly Reject[];
  /** Messages that had no id and got a derived one. */
  readonly derivedIds: number;
}
