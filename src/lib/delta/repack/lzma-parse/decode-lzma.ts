import { EndsEarly } from '../codec.js';
import { END_DISTANCE, END_LENGTH, LITERAL, type LzmaDecision, MATCH } from './lzma-decision.js';
import { LzmaModel, type LzmaProperties } from './lzma-model.js';
import { RangeDecoder } from './range-decoder.js';

/** What an LZMA stream unpacks to. */
export interface DecodedLzma {
  content: Uint8Array;
  /** Whether an end marker follows the last decision. */
  endMarker: boolean;
  /** Bytes of the stream; what follows does not belong to it. */
  streamBytes: number;
}

export interface LzmaContentSize {
  /** Size of the content where it is known; else an end marker ends it. */
  contentBytes: number | undefined;
  /** The most that is decoded. */
  maxBytes: number;
}

/**
 * Gets what an encoder decided, decision by decision.
 *
 * @param content what is decoded so far, and room
 * @param at      where the bytes of the decision begin; they are in place
 */
export type DecisionSink = (content: Uint8Array, at: number, decision: LzmaDecision) => void;

const FIRST_ROOM_BYTES = 64 * 1024;

/**
 * Decodes a raw LZMA stream, in time and memory that the content bounds.
 *
 * @param stream starts with the zero byte of the range coder
 * @throws EndsEarly for a stream that is cut; RangeError for what is no such stream, or unpacks to more
 */
export function decodeLzma(
  stream: Uint8Array,
  properties: LzmaProperties,
  { contentBytes, maxBytes }: LzmaContentSize,
  sink?: DecisionSink,
): DecodedLzma {
  const end = contentBytes ?? maxBytes;
  if (stream[0] !== 0 || end > maxBytes) throw new RangeError(`no LZMA stream of at most ${maxBytes} bytes`);
  const coder = new RangeDecoder(stream);
  const model = new LzmaModel(properties);
  let content = new Uint8Array(contentBytes ?? Math.min(maxBytes, FIRST_ROOM_BYTES));
  let at = 0;
  let endMarker = false;
  while (!(at === contentBytes && coder.finished)) {
    if (at === content.length && at < end) content = longer(content, end);
    model.code(coder, content, at, LITERAL, 0, 0); // a literal beyond the end is written nowhere
    const { kind, length, distance } = model;
    if (coder.overrun) throw new EndsEarly(`the LZMA stream is cut at byte ${at} of its content`);
    endMarker = kind === MATCH && distance === END_DISTANCE && length === END_LENGTH;
    if (endMarker) break;
    if (length > end - at) throw new RangeError(`the LZMA stream unpacks to more than ${end} bytes`);
    if (kind !== LITERAL) {
      if (distance >= at) throw new RangeError(`an LZMA match at byte ${at} copies from nowhere`);
      while (length > content.length - at) content = longer(content, end);
      copyMatch(content, at, length, distance);
    }
    sink?.(content, at, model);
    at += length;
  }
  if (!coder.finished || at !== (contentBytes ?? at))
    throw new RangeError(`the LZMA stream ends at byte ${at} of ${end}`);
  return { content: content.subarray(0, at), endMarker, streamBytes: coder.at };
}

function copyMatch(content: Uint8Array, at: number, length: number, distance: number): void {
  const from = at - distance - 1;
  if (length <= distance + 1) content.copyWithin(at, from, from + length);
  else for (let i = 0; i < length; i++) content[at + i] = content[from + i]!;
}

function longer(content: Uint8Array, maxBytes: number): Uint8Array<ArrayBuffer> {
  const room = new Uint8Array(Math.min(maxBytes, content.length * 2));
  room.set(content);
  return room;
}
