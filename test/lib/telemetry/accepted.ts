import type { AcceptedMessages } from '../../../src/lib/telemetry/sink.js';

/** Messages `m0`, `m1`, … with these lines. */
export function accepted(lines: readonly string[]): AcceptedMessages {
  return {
    count: lines.length,
    runs: [Buffer.from(lines.map((line) => `${line}\n`).join(''))],
    *messages() {
      for (const [index, line] of lines.entries()) yield { id: `m${index}`, line: Buffer.from(line) };
    },
  };
}

/** Lines for as many messages of as many devices. */
export function someLines(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `{"messageId":"m${index}","deviceId":"d${index}"}`);
}
