import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineBuffer } from '../../../src/lib/telemetry/line-buffer.js';
import { MAX_LINE_BYTES } from '../../../src/lib/telemetry/message.js';

describe('messages that become lines', () => {
  test('are whole lines whatever they hold, and as they were but for line breaks', () => {
    const buffer = new LineBuffer();
    const payload = fc.uint8Array({ maxLength: 200_000, size: 'max' });
    fc.assert(
      fc.property(
        fc.array(fc.oneof(payload, fc.string({ unit: fc.constantFrom('\n', '\r', 'a') }).map(Buffer.from)), {
          maxLength: 5,
        }),
        (messages) => {
          for (const message of messages) buffer.add(message);
          expect(buffer.lines).toBe(messages.length);
          const expected = messages.map((message) =>
            Buffer.from(message)
              .toString('latin1')
              .replace(/[\r\n]/g, ' '),
          );
          const taken = buffer.take();
          expect(Buffer.from(taken).toString('latin1')).toBe(expected.map((line) => `${line}\n`).join(''));
          expect(taken.byteLength).toBe(taken.buffer.byteLength);
          expect([buffer.lines, buffer.byteLength]).toEqual([0, 0]);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('are cut just beyond the limit, where it shows that they are too long', () => {
    const buffer = new LineBuffer();
    buffer.add(Buffer.alloc(MAX_LINE_BYTES + 100, 'x'));
    buffer.add(Buffer.from('next'));
    const lines = Buffer.from(buffer.take()).toString().split('\n');
    expect(lines.map(({ length }) => length)).toEqual([MAX_LINE_BYTES + 1, 4, 0]);
  });
});
