import { JsonLineScanner, MEMBER_STRIDE, NAME_END, NAME_START, VALUE_END, VALUE_START } from './json-line-scanner.js';
import { messageTime } from './message-time.js';

const scanner = new JsonLineScanner();
const TIMESTAMP = Buffer.from('timestamp');

/**
 * When the message on a line was recorded, for what has to know before the line is decoded.
 *
 * @param bytes ends with a line feed
 * @param start offset of the line
 * @returns milliseconds since 1970; NaN for a line that is no message or tells no time
 */
export function recordedTimeMs(bytes: Uint8Array, start: number): number {
  if (scanner.scan(bytes, start) < 0) return Number.NaN;
  const { members } = scanner;
  // The last one counts, as with JSON.parse.
  for (let base = (scanner.memberCount - 1) * MEMBER_STRIDE; base >= 0; base -= MEMBER_STRIDE) {
    const [nameStart, nameEnd] = [members[base + NAME_START]!, members[base + NAME_END]!];
    if (nameEnd - nameStart === TIMESTAMP.length && TIMESTAMP.compare(bytes, nameStart, nameEnd) === 0) {
      return messageTime(bytes, members[base + VALUE_START]!, members[base + VALUE_END]!);
    }
  }
  return Number.NaN;
}
