import * as z from 'zod/mini';

/**
 * The event stream: `GET /api/v1/events` answers with Server-Sent Events (WHATWG HTML, section 9.2).
 *
 *     id: 17-40231
 *     event: telemetry
 *     data: {"type":"telemetry","time":"2026-01-05T06:00:00.930Z","device":"truck-7","body":{"messageId":"…", …}}
 *
 * - `event:` is the `type` of the JSON object in `data:`, which is on one line.
 * - `id:` is the position behind this event, `<event sequence>-<telemetry sequence>`; sent back as Last-Event-ID the
 *   stream goes on behind it. Every event has one, `end` too.
 * - Comments (`: …`) come where nothing happens, at least every EVENT_HEARTBEAT_MS.
 */

/** What can be asked for. */
export const EVENT_TYPES = ['telemetry', 'status', 'rollout', 'alert'] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** A stream that is silent for longer is dead, milliseconds. */
export const EVENT_HEARTBEAT_MS = 15_000;

/** Longest `data:` of an event: a message of a mebibyte, and what stands around it. Bytes. */
export const MAX_EVENT_BYTES = 1024 * 1024 + 4096;

/** Query of `GET /api/v1/events`, each at most once. */
export interface EventQuery {
  /** With commas between; all of them without it. `telemetry` needs the permission telemetry:read. */
  readonly types?: string;
  /** FIQL over devices; events of devices that match now, and none that is about no device. */
  readonly where?: string;
  /** Name of a device. */
  readonly device?: string;
  /** Where to begin instead of now: what the server learned since this time, RFC 3339. Last-Event-ID goes first. */
  readonly since?: string;
}

/** Something that happened. */
export const fleetEvent = z.object({
  type: z.enum(EVENT_TYPES),
  /** When: of telemetry by its own `timestamp` where it has one, otherwise by the server's clock. RFC 3339. */
  time: z.string(),
  /** Whom it is about; absent where it is about no device. */
  device: z.optional(z.string()),
  /**
   * - `telemetry`: the message as it was sent.
   * - `status`: `{"event":"online"|"offline"|"registered"|"updated"|"action"|"reported", …}`; of `reported` the rest is what the
   *   device sent to its topic `status`: `{"event":"reported","version":"2.1.0", …}`.
   * - `alert`, `rollout`: `{"event":…, …}`; of campaigns `{"event":"campaign","campaign":NAME,"seq":…,"entry":{"type":…, …}}`, an
   *   entry of its journal with numbers in place of lists of devices.
   */
  body: z.record(z.string(), z.unknown()),
});
export type FleetEvent = z.output<typeof fleetEvent>;

/** Events that this stream should have carried and cannot: they are no longer kept. It goes on behind them. */
export const gapEvent = z.object({
  type: z.literal('gap'),
  time: z.string(),
  /** Where they are missing. */
  log: z.enum(['events', 'telemetry']),
  /** Sequence numbers of the first and the last one; those of other tenants are among them. */
  from: z.int(),
  to: z.int(),
  /** How many they were at most. */
  atMost: z.int(),
  cause: z.enum(['aged', 'damaged']),
});
export type GapEvent = z.output<typeof gapEvent>;

/** The server ends the stream. */
export const endEvent = z.object({
  type: z.literal('end'),
  time: z.string(),
  /** `stopping`: connect again a little later. `revoked`: the credentials are no longer good. */
  cause: z.enum(['stopping', 'revoked']),
});

/** Every `data:` of the stream. Types that are not known yet may come: skip them. */
export const streamEvent = z.discriminatedUnion('type', [fleetEvent, gapEvent, endEvent]);

/** How far a stream has come: the last sequence number of each log. */
export interface StreamPosition {
  readonly event: number;
  readonly telemetry: number;
}

export function formatPosition({ event, telemetry }: StreamPosition): string {
  return `${event}-${telemetry}`;
}

/** @returns undefined for what is no position */
export function parsePosition(text: string): StreamPosition | undefined {
  const found = /^(\d{1,15})-(\d{1,15})$/.exec(text);
  return found === null ? undefined : { event: Number(found[1]), telemetry: Number(found[2]) };
}
