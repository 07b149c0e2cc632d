import { JsonLineScanner, MEMBER_STRIDE, memberName, VALUE_END, VALUE_START } from './json-line-scanner.js';
import { messageTime } from './message-time.js';

const scanner = new JsonLineScanner();
const TIMESTAMP = memberName('timestamp');

/**
 * When the message on a line was recorded, for what has to know before the line is decoded.
 *
 * @param bytes ends with a line feed
 * @param start offset of the line
 * @returns milliseconds since 1970; NaN for a line that is no message or tells no time
 */
export function recordedTimeMs(bytes: Uint8Array, start: number): number {
  if (scanner.scan(bytes, start) < 0) return Number.NaN;
  // The last one counts, as with JSON.parse.
  for (let base = (scanner.memberCount - 1) * MEMBER_STRIDE; base >= 0; base -= MEMBER_STRIDE) {
    if (!scanner.isNamed(bytes, base, TIMESTAMP)) continue;
    return messageTime(bytes, scanner.members[base + VALUE_START]!, scanner.members[base + VALUE_END]!);
  }
  return Number.NaN;
}
