import type { Writable } from 'node:stream';
import type { Clock } from '../core/clock.js';
import { jsonText } from './json-text.js';
import { writeOn } from './streams.js';

/** Prints one event as a line of JSON; resolves to false once nobody reads the stream any more. */
export type EventPrinter = (type: string, fields?: object) => Promise<boolean>;

/**
 * What streaming commands write under `--json`: `{"type":…,"time":…,…}` a line, each handed over
 * before the next is made, so that a slow reader slows the work instead of filling the memory.
 */
export function ndjsonPrinter(stream: Writable, clock: Clock): EventPrinter {
  return async (type, fields = {}) => {
    return await writeOn(stream, `${jsonText({ type, time: clock.now().toISOString(), ...fields }, 0)}\n`);
  };
}
