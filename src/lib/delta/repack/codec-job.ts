import type { ErrorCode } from '../../core/errors.js';
import type { StreamProof } from './prove-stream.js';
import type { Correction } from './recipe.js';

/** What a thread of the pool is asked for. */
export type CodecJob =
  | { kind: 'decode'; codec: string; packed: Uint8Array; maxBytes: number }
  | { kind: 'encode'; codec: string; settings: Uint8Array; unpacked: Uint8Array; corrections: readonly Correction[] }
  | { kind: 'prove'; codec: string; packed: Uint8Array; unpacked: Uint8Array; likely: readonly Uint8Array[] };

export type CodecResult =
  | { kind: 'decode'; unpacked: Uint8Array; packedBytes: number }
  | { kind: 'encode'; packed: Uint8Array }
  /** With the content that was handed over. */
  | { kind: 'prove'; proof: StreamProof | undefined; unpacked: Uint8Array };

/** With a code where a library is missing, without one where the stream is no good. */
export interface CodecFailure {
  kind: 'failure';
  message: string;
  /** Set where the stream was good as far as its bytes went. */
  endsEarly?: boolean;
  code?: ErrorCode;
  suggestions?: string[];
}

export type JobResult = CodecResult | CodecFailure;
