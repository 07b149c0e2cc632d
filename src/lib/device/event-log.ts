import { isDeepStrictEqual } from 'node:util';
import { OtaError } from '../core/errors.js';
import { parseStrictJson } from '../core/strict-json.js';
import type { BootControl, DeviceEvent } from './boot-control.js';
import type { DeviceFs } from './device-fs.js';
import { writeWhole } from './whole-file.js';

export const EVENT_LOG_FILE = 'events.ndjson';
/** From this size on the older half goes, bytes. */
const MAX_LOG_BYTES = 1024 ** 2;
/** A line is below that: the longest reason has 4096 characters. */
const MAX_LINE_BYTES = 32 * 1024;
/** A line is above that: it has at least a time and a digest. */
const MIN_LINE_BYTES = 100;
/** More than one append can leave torn, bytes. */
const TAIL_BYTES = 2 * MAX_LINE_BYTES;

/** An event and the commit of the boot control block that it tells of. */
export type LoggedEvent = { sequence: number } & DeviceEvent;

/**
 * Brings the log up to the boot control block: cuts what an interrupted append left, and adds the event of
 * the present block unless the log has it. Done before the next commit, it makes each event stand there once.
 *
 * @throws OtaError as {@link DeviceFs}
 */
export async function completeEventLog(fs: DeviceFs, { sequence, event }: BootControl): Promise<void> {
  const found = await fs.size(EVENT_LOG_FILE);
  const size = found ?? 0;
  const start = Math.max(0, size - TAIL_BYTES);
  const lines = (await readRange(fs, start, size)).toString('latin1').split('\n');
  const torn = tornBytes(lines, start === 0 ? 0 : 1);
  const line = `${JSON.stringify({ sequence, ...event } satisfies LoggedEvent)}\n`;
  // Not in the last one, even if nothing but its end is missing: it is cut.
  const isThere = lines.slice(0, -1).some((logged) => tellsOf(logged, sequence, event));
  if (torn > 0) await fs.truncate(EVENT_LOG_FILE, size - torn);
  if (isThere && torn === 0) return;
  if (!isThere) await fs.write(EVENT_LOG_FILE, size - torn, Buffer.from(line));
  await fs.sync(EVENT_LOG_FILE);
  if (found === undefined) await fs.syncDirectory();
  if (size > MAX_LOG_BYTES) await dropOlderHalf(fs);
}

/** All events that the log still has, oldest first; a torn or foreign line is left out. */
export async function readEventLog(fs: DeviceFs): Promise<LoggedEvent[]> {
  const size = (await fs.size(EVENT_LOG_FILE)) ?? 0;
  // More than this was not written by a device.
  const start = Math.max(0, size - 2 * MAX_LOG_BYTES);
  const lines = (await readRange(fs, start, size)).toString('latin1').split('\n');
  return lines.slice(0, -1).flatMap((line) => parseLine(line) ?? []);
}

/**
 * Bytes at the end that are no line: an append that was cut, also one whose place was filled with anything.
 *
 * @param first index of the first line that was read as a whole
 */
function tornBytes(lines: string[], first: number): number {
  let bytes = lines.at(-1)!.length;
  for (let last = lines.length - 2; last >= first; last--) {
    if (parseLine(lines[last]!) !== undefined) break;
    bytes += lines[last]!.length + 1;
  }
  return bytes;
}

/** A commit may stand in both copies, under two numbers; when the later one is damaged, its line is already there. */
function tellsOf(line: string, sequence: number, event: DeviceEvent): boolean {
  const logged = parseLine(line);
  if (logged === undefined || logged.sequence < sequence) return false;
  return isDeepStrictEqual(logged, { ...event, sequence: logged.sequence });
}

function parseLine(line: string): LoggedEvent | undefined {
  // A log full of anything else, such as millions of empty lines, must not cost a refusal for each.
  if (line.length < MIN_LINE_BYTES || !line.startsWith('{')) return undefined;
  try {
    const bytes = Buffer.from(line, 'latin1');
    const value = parseStrictJson(bytes, { name: EVENT_LOG_FILE, maxBytes: MAX_LINE_BYTES, maxDepth: 2 });
    return isEvent(value) ? value : undefined;
  } catch (error) {
    if (error instanceof OtaError) return undefined;
    throw error;
  }
}

function isEvent(value: unknown): value is LoggedEvent {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { sequence, reason = '', ...texts } = value as Record<string, unknown>;
  const { type, time, release, version } = texts;
  return (
    Number.isSafeInteger(sequence) && [type, time, release, version, reason].every((text) => typeof text === 'string')
  );
}

async function dropOlderHalf(fs: DeviceFs): Promise<void> {
  const size = (await fs.size(EVENT_LOG_FILE)) ?? 0;
  const newer = await readRange(fs, size - MAX_LOG_BYTES / 2, size);
  await writeWhole(fs, EVENT_LOG_FILE, newer.subarray(newer.indexOf('\n') + 1));
}

async function readRange(fs: DeviceFs, start: number, end: number): Promise<Buffer> {
  const bytes = Buffer.alloc(end - start);
  return bytes.length === 0 ? bytes : bytes.subarray(0, await fs.read(EVENT_LOG_FILE, bytes, start));
}
