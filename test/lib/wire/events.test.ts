import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatPosition, parsePosition, streamEvent } from '../../../src/lib/wire/events.js';
import { deviceTopic, MQTT_KINDS, parseDeviceTopic } from '../../../src/lib/wire/telemetry.js';

describe('a position in the event stream', () => {
  test('is read as it was written, and nothing else is a position', () => {
    expect(parsePosition(formatPosition({ event: 17, telemetry: 40_231 }))).toEqual({ event: 17, telemetry: 40_231 });
    for (const text of ['', '17', '17-', '-3', '1-2-3', '1-2\n', ' 1-2', '1e3-1', '9999999999999999-1']) {
      expect(parsePosition(text), text).toBeUndefined();
    }
  });
});

describe('what the event stream carries', () => {
  test('is told apart by its type', () => {
    const status = { type: 'status', time: '2026-01-05T06:00:00Z', device: 'truck-7', body: { event: 'online' } };
    const gap = {
      type: 'gap',
      time: '2026-01-05T06:00:00Z',
      log: 'telemetry',
      from: 3,
      to: 9,
      atMost: 7,
      cause: 'aged',
    };
    expect(streamEvent.safeParse(status)).toMatchObject({ success: true, data: status });
    expect(streamEvent.safeParse(gap)).toMatchObject({ success: true, data: gap });
    expect(streamEvent.safeParse({ ...gap, log: 'elsewhere' }).success).toBe(false);
    expect(streamEvent.safeParse({ ...status, type: 'weather' }).success).toBe(false);
  });
});

describe("a device's topic", () => {
  test('belongs to one device, whatever it is called', () => {
    const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }).filter((text) => text.isWellFormed());
    fc.assert(
      fc.property(name, name, fc.constantFrom(...MQTT_KINDS), (tenant, device, kind) => {
        const topic = deviceTopic({ tenant, device, kind });
        expect(topic).not.toMatch(/[+#]/);
        expect(parseDeviceTopic(topic)).toEqual({ tenant, device, kind });
      }),
    );
  });

  test('is not read from what was written in another way', () => {
    for (const topic of [
      't/A/devices/x/other',
      't/A/devices/x/telemetry/more',
      '/t/A/devices/x/telemetry',
      't/A/devices//telemetry',
      't/A/devices/%61/telemetry',
      't/A/devices/%2f/telemetry',
      't/A/devices/%/telemetry',
      't/A/devices/+/telemetry',
      '$share/t/A/devices/x/telemetry',
    ]) {
      expect(parseDeviceTopic(topic), topic).toBeUndefined();
    }
  });
});
