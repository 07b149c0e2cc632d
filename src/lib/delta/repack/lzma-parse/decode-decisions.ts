import { DecisionList, type Decisions, END_DISTANCE, END_LENGTH, LITERAL, MATCH } from './lzma-decisions.js';
import { LzmaModel, type LzmaProperties } from './lzma-model.js';
import { RangeDecoder } from './range-decoder.js';

/** An LZMA stream taken apart. */
export interface DecodedLzma {
  content: Uint8Array;
  decisions: Decisions;
  /** Whether an end marker follows the last decision. */
  endMarker: boolean;
  /** Bytes of the stream; what follows does not belong to it. */
  streamBytes: number;
}

/**
 * Decodes a raw LZMA stream into its content and the decisions of its encoder.
 *
 * Time and memory are bounded by the content: 8 bytes for each byte of it at most, usually one.
 *
 * @param stream       starts with the zero byte of the range coder
 * @param contentBytes size of the content
 * @returns undefined for what is not such a stream of that size
 */
export function decodeDecisions(
  stream: Uint8Array,
  properties: LzmaProperties,
  contentBytes: number,
): DecodedLzma | undefined {
  if (stream[0] !== 0) return undefined;
  const coder = new RangeDecoder(stream);
  const model = new LzmaModel(properties);
  const content = new Uint8Array(contentBytes);
  const decisions = new DecisionList();
  for (let at = 0; at < contentBytes; at += model.length) {
    model.code(coder, content, at, LITERAL, 0, 0);
    const { kind, length, distance } = model;
    if (coder.overrun) return undefined;
    if (kind !== LITERAL && (distance >= at || length > contentBytes - at)) return undefined;
    if (kind !== LITERAL) copyMatch(content, at, length, distance);
    decisions.push(kind, length, distance);
  }
  const endMarker = !coder.finished;
  if (endMarker) {
    model.code(coder, content, contentBytes, LITERAL, 0, 0); // a literal beyond the end is written nowhere
    if (model.kind !== MATCH || model.distance !== END_DISTANCE || model.length !== END_LENGTH || !coder.finished)
      return undefined;
  }
  return { content, decisions, endMarker, streamBytes: coder.at };
}

function copyMatch(content: Uint8Array, at: number, length: number, distance: number): void {
  const from = at - distance - 1;
  if (length <= distance + 1) content.copyWithin(at, from, from + length);
  else for (let i = 0; i < length; i++) content[at + i] = content[from + i]!;
}
