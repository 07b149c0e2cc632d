import { formatPosition, type StreamPosition } from '../../wire/events.js';
import type { StoredMessage } from '../telemetry/telemetry-log.js';
import type { StoredEvent } from './event-log.js';

const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const END = '}\n\n';

/** Server-Sent Events of some telemetry, in one piece. Its lines are JSON without line feeds already. */
export function telemetryFrames(messages: readonly StoredMessage[], event: number): Buffer {
  const heads = messages.map(
    ({ seq, time, device }) =>
      `id: ${formatPosition({ event, telemetry: seq })}\nevent: telemetry\ndata: {"type":"telemetry","time":"${timeText(time)}","device":${JSON.stringify(device)},"body":`,
  );
  let size = 0;
  for (const [index, head] of heads.entries())
    size += Buffer.byteLength(head) + messages[index]!.line.length + END.length;
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const [index, head] of heads.entries()) {
    const { line } = messages[index]!;
    at += bytes.write(head, at);
    bytes.set(line, at);
    // White space of JSON, and the end of a line of this format.
    if (line.includes(CARRIAGE_RETURN)) {
      for (let i = at; i < at + line.length; i++) if (bytes[i] === CARRIAGE_RETURN) bytes[i] = SPACE;
    }
    at += line.length;
    at += bytes.write(END, at, 'latin1');
  }
  return bytes;
}

/** The same of other events. `body` is JSON as JSON.stringify writes it, on one line. */
export function eventFrames(events: readonly StoredEvent[], telemetry: number): string {
  return events
    .map(({ seq, type, time, device, body }) => {
      const about = device === null ? '' : `"device":${JSON.stringify(device)},`;
      const data = `{"type":"${type}","time":"${timeText(time)}",${about}"body":${body}}`;
      return `id: ${formatPosition({ event: seq, telemetry })}\nevent: ${type}\ndata: ${data}\n\n`;
    })
    .join('');
}

/** An event about the stream itself. */
export function controlFrame(position: StreamPosition, data: { readonly type: string }): string {
  return `id: ${formatPosition(position)}\nevent: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Clocks of devices may say anything that a Date can hold. */
function timeText(time: number): string {
  return new Date(time).toISOString();
}
