import { type DecisionKind, type Decisions, END_DISTANCE, END_LENGTH, MATCH } from './lzma-decisions.js';
import { LzmaModel, type LzmaProperties } from './lzma-model.js';
import { RangeEncoder } from './range-encoder.js';

/**
 * Writes the raw LZMA stream that says content by given decisions.
 *
 * The state machine, the probabilities and the range coder are fixed by the format, so the
 * decisions of an encoder give its stream bit for bit, whoever wrote it.
 *
 * @param decisions those of a valid stream of this content
 */
export function encodeDecisions(
  content: Uint8Array,
  decisions: Decisions,
  properties: LzmaProperties,
  endMarker: boolean,
): Uint8Array {
  const { count, kinds, lengths, distances } = decisions;
  const coder = new RangeEncoder(Math.ceil(content.length / 8));
  const model = new LzmaModel(properties);
  let at = 0;
  for (let i = 0; i < count; i++) {
    model.code(coder, content, at, kinds[i] as DecisionKind, lengths[i]!, distances[i]!);
    at += lengths[i]!;
  }
  if (endMarker) model.code(coder, content, at, MATCH, END_LENGTH, END_DISTANCE);
  return coder.finish();
}
