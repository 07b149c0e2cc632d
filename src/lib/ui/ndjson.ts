import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Clock } from '../core/clock.js';
import { jsonText } from './json-text.js';

/** Prints one event as a line of JSON; resolves to false once nobody reads the stream any more. */
export type EventPrinter = (type: string, fields?: object) => Promise<boolean>;

/**
 * What streaming commands write under `--json`: `{"type":…,"time":…,…}` a line, each handed over
 * before the next is made, so that a slow reader slows the work instead of filling the memory.
 */
export function ndjsonPrinter(stream: Writable, clock: Clock): EventPrinter {
  return async (type, fields = {}) => {
    if (!stream.writable) return false;
    const line = jsonText({ type, time: clock.now().toISOString(), ...fields }, 0);
    if (!stream.write(`${line}\n`)) await drainedOrClosed(stream);
    return stream.writable;
  };
}

async function drainedOrClosed(stream: Writable): Promise<void> {
  const settled = new AbortController();
  const { signal } = settled;
  await Promise.race([once(stream, 'drain', { signal }), once(stream, 'close', { signal })]).catch(() => {});
  settled.abort(); // takes the other listener away
}
