/**
 * A telemetry message is one JSON object on one line:
 *
 *     {"messageId":"…","deviceId":"…","timestamp":"2026-11-22T05:32:00.250Z","type":"position", …}
 *
 * - `messageId`: text of 1 to 512 bytes, the same each time a device sends the message. UUIDs and ULIDs are
 *   best, see dedupe/message-key.ts.
 * - `deviceId` or `vin`: who sent it.
 * - `timestamp`: when, as text (RFC 3339) or as a whole number of milliseconds since 1970.
 * - `type` and everything else belongs to whoever reads the output, and is not looked at.
 *
 * Only `messageId` decides whether a message comes out. A message is passed on as the bytes it came as.
 */

/** Most bytes of a line, without its line feed. */
export const MAX_LINE_BYTES = 1024 * 1024;

/** Most bytes of UTF-8 of a message id. */
export const MAX_ID_BYTES = 512;

/** Deepest nesting of objects and arrays, the message itself included. */
export const MAX_DEPTH = 64;
