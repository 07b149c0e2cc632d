import { END_DISTANCE, END_LENGTH, type LzmaDecision, MATCH } from './lzma-decision.js';
import { LzmaModel, type LzmaProperties } from './lzma-model.js';
import { RangeEncoder } from './range-encoder.js';

/** @returns the decision about the bytes from `at` on, valid until the next call; inside the content */
export type DecisionSource = (at: number) => LzmaDecision;

/**
 * Writes the raw LZMA stream that says content by given decisions.
 *
 * The state machine, the probabilities and the range coder are fixed by the format, so the
 * decisions of an encoder give its stream bit for bit, whoever wrote it.
 */
export function encodeLzma(
  content: Uint8Array,
  source: DecisionSource,
  properties: LzmaProperties,
  endMarker: boolean,
): Uint8Array {
  const coder = new RangeEncoder(Math.ceil(content.length / 4));
  const model = new LzmaModel(properties);
  for (let at = 0; at < content.length; at += model.length) {
    const { kind, length, distance } = source(at);
    model.code(coder, content, at, kind, length, distance);
  }
  if (endMarker) model.code(coder, content, content.length, MATCH, END_LENGTH, END_DISTANCE);
  return coder.finish();
}
