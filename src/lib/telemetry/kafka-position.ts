import * as z from 'zod/mini';
import { type ErrorCode, OtaError } from '../core/errors.js';
import { checkSchema } from '../core/schema.js';
import type { JsonObject } from '../core/strict-json.js';
import type { KafkaTopic } from './kafka-cluster.js';
import type { Offsets } from './kafka-fetch.js';

const position = z.strictObject({
  /** The cluster's own id of the topic: another one after it was deleted and made again. */
  topicId: z.string(),
  /** By partition: the next message to read, or the one behind the last that was written. */
  offsets: z.record(z.string().check(z.regex(/^\d{1,7}$/)), z.int().check(z.nonnegative())),
});

/** Offsets as a checkpoint keeps them. */
export function positionOf(topic: KafkaTopic, offsets: Offsets): JsonObject {
  const sorted = [...offsets].sort(([a], [b]) => a - b);
  return { topicId: topic.id, offsets: Object.fromEntries(sorted.map(([at, offset]) => [`${at}`, Number(offset)])) };
}

/** Whether a position is about this topic, and not about a deleted one of the same name. */
export function isOfTopic(topic: KafkaTopic, value: JsonObject): boolean {
  return value.topicId === topic.id;
}

/**
 * Offsets from a checkpoint.
 *
 * @throws OtaError CHECKPOINT_MISMATCH when it is about another topic of the same name
 */
export function offsetsOf(topic: KafkaTopic, value: JsonObject): Offsets {
  const code: ErrorCode = 'CHECKPOINT_MISMATCH';
  const { topicId, offsets } = checkSchema(position, value, { code, name: `checkpoint of kafka topic ${topic.name}` });
  if (topicId !== topic.id) {
    throw new OtaError(code, `kafka topic ${topic.name}: was deleted and made again since the last checkpoint`, [
      'Check that this is the right cluster; then begin with a new store.',
    ]);
  }
  return new Map(Object.entries(offsets).map(([partition, offset]) => [Number(partition), BigInt(offset)]));
}
