import * as z from 'zod/mini';
import { canonicalJson } from '../core/canonical-json.js';
import { OtaError } from '../core/errors.js';
import { checkSchema } from '../core/schema.js';
import { type JsonObject, type JsonValue, parseStrictJson } from '../core/strict-json.js';

/** What a store keeps with each commit. */
const MAX_BYTES = 64 * 1024;

const count = z.number().check(z.int(), z.nonnegative());
const position = z.custom<JsonObject>((value) => typeof value === 'object' && value !== null && !Array.isArray(value));
const checkpoint = z.strictObject({
  spec: z.literal('ota-fleet-checkpoint/1'),
  /** One more with each commit of a run: which of two partitions is behind. */
  sequence: count,
  /** Whose position `output` is. */
  sink: z.string(),
  /** Where the output ended; absent for its start, and for a sink that cannot say it. */
  output: z.optional(position),
  /** How far each source was read; the one that moved last at the end. */
  inputs: z.array(z.strictObject({ source: z.string(), position })),
  /** The ids of an output that somebody else wrote are being taken up: nothing of ours stands there yet. */
  takesUp: z.optional(z.literal(true)),
  /** The store was made of the newest part of its output only. */
  isPartial: z.optional(z.literal(true)),
  /** The file that dead letters went to, and its size. */
  deadLetters: z.optional(z.strictObject({ path: z.string(), bytes: count })),
});

/** How far everything was when a batch was committed. */
export type PipelineCheckpoint = Omit<z.infer<typeof checkpoint>, 'spec'>;

/**
 * @returns canonical JSON
 * @throws OtaError LIMIT_EXCEEDED when positions are so long that they do not fit into the 64 KiB of a commit
 */
export function encodeCheckpoint(value: PipelineCheckpoint): Buffer {
  const bytes = canonicalJson({ spec: 'ota-fleet-checkpoint/1', ...value } as unknown as JsonValue);
  if (bytes.length <= MAX_BYTES) return bytes;
  throw new OtaError('LIMIT_EXCEEDED', `checkpoint: takes ${bytes.length} bytes, at most ${MAX_BYTES} fit`, [
    'Replay fewer sources in one run.',
  ]);
}

/** @throws OtaError CHECKPOINT_MISMATCH for one that this version did not write */
export function decodeCheckpoint(data: Uint8Array): PipelineCheckpoint {
  const value = parseStrictJson(data, { name: 'checkpoint', maxBytes: MAX_BYTES });
  const { spec: _, ...decoded } = checkSchema(checkpoint, value, { code: 'CHECKPOINT_MISMATCH', name: 'checkpoint' });
  return decoded;
}

/** What the sources that a run reads may take, and those that it does not read; the rest is for output and dead letters. */
const MAX_READ_BYTES = 40 * 1024;
const MAX_OTHER_BYTES = 12 * 1024;
/** Bytes of a position of a file, generously. */
const POSITION_BYTES = 150;

/**
 * Says before anything is done that a checkpoint has no room for so many sources.
 *
 * @throws OtaError LIMIT_EXCEEDED
 */
export function requireRoom(sources: readonly { readonly id: string }[]): void {
  const bytes = sources.reduce((sum, { id }) => sum + JSON.stringify(id).length + POSITION_BYTES, 0);
  if (bytes <= MAX_READ_BYTES) return;
  const room = Math.floor((sources.length * MAX_READ_BYTES) / bytes);
  throw new OtaError('LIMIT_EXCEEDED', `${sources.length} sources: a checkpoint has room for about ${room} of them`, [
    'Replay fewer sources in one run, or concatenate them into stdin (`-`).',
  ]);
}

/**
 * The inputs once `source` was read up to `position`. Of sources that are not read in this run those that moved
 * last are kept, so that feeding a store with one file a day does not grow its checkpoints for ever.
 *
 * @param isRead whether the run reads a source
 */
export function withInput(
  inputs: PipelineCheckpoint['inputs'],
  source: string,
  position: JsonObject,
  isRead: (source: string) => boolean,
): PipelineCheckpoint['inputs'] {
  let otherBytes = 0;
  const others = inputs
    .filter((input) => input.source !== source)
    .toReversed()
    .filter((input) => {
      if (isRead(input.source)) return true;
      otherBytes += JSON.stringify(input).length;
      return otherBytes <= MAX_OTHER_BYTES;
    });
  return [...others.reverse(), { source, position }];
}
