import { describe, expect, test } from 'vitest';
import { generateTelemetry, type TelemetryPlan } from '../../../src/lib/telemetry/generate-telemetry.js';
import { ID_KINDS } from '../../../src/lib/telemetry/generated-id.js';

const plan: TelemetryPlan = {
  seed: 1,
  vehicles: 50,
  lines: 30_000,
  startMs: Date.parse('2026-01-05T06:00:00Z'),
  ids: 'uuid',
  faults: { duplicate: 0.02, late: 0.02, conflict: 0.005, malformed: 0.005 },
};

function generated(changes: Partial<TelemetryPlan> = {}) {
  const generator = generateTelemetry({ ...plan, ...changes });
  const parts: Uint8Array[] = [];
  while (true) {
    const step = generator.next();
    if (step.done) return { text: Buffer.concat(parts).toString('latin1'), tally: step.value };
    parts.push(step.value.bytes);
  }
}

interface Message {
  messageId: string;
  vin: string;
  timestamp: string;
  type: string;
  trip?: number;
}

/** What `JSON.parse` makes of each line; undefined for those it refuses. */
function messagesOf(text: string): (Message | undefined)[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      try {
        return JSON.parse(line) as Message;
      } catch {
        return undefined;
      }
    });
}

describe('generateTelemetry', () => {
  test('the same plan gives the same bytes, another seed gives others', () => {
    const { text } = generated();
    expect(generated().text).toBe(text);
    expect(generated({ seed: 2 }).text).not.toBe(text);
  });

  test.each(ID_KINDS)('tells exactly what lies in the lines (%s ids)', (ids) => {
    const { text, tally } = generated({ ids });
    const lines = text.split('\n').slice(0, -1);
    const payloads = new Map<string, Set<string>>();
    const counted = { messages: 0, duplicates: 0, conflicts: 0, malformed: 0 };
    for (const [index, message] of messagesOf(text).entries()) {
      if (message === undefined) {
        counted.malformed++;
        continue;
      }
      const seen = payloads.get(message.messageId);
      if (seen === undefined) counted.messages++;
      else if (seen.has(lines[index]!)) counted.duplicates++;
      else counted.conflicts++;
      payloads.set(message.messageId, (seen ?? new Set()).add(lines[index]!));
    }
    expect(tally).toEqual({ lines: plan.lines, bytes: text.length, ...counted });
    expect(Math.min(...Object.values(counted))).toBeGreaterThan(50);
  });

  test('ids have the forms that devices use', () => {
    const idOf = (ids: TelemetryPlan['ids']) => messagesOf(generated({ ids, lines: 10 }).text)[0]!.messageId;
    expect(idOf('uuid')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const ulid = idOf('ulid');
    expect(ulid).toMatch(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
    const timeMs = [...ulid.slice(0, 10)].reduce(
      (value, c) => value * 32 + '0123456789ABCDEFGHJKMNPQRSTVWXYZ'.indexOf(c),
      0,
    );
    expect(timeMs - plan.startMs).toBeGreaterThanOrEqual(0);
    expect(timeMs - plan.startMs).toBeLessThan(3_600_000);
    expect(idOf('text')).toMatch(/^telemetry\/1\/\d+$/);
  });

  test('is about 250 bytes a line, as arrived: most in order, some late by minutes', () => {
    const { text, tally } = generated({ faults: { duplicate: 0, late: 0.05, conflict: 0, malformed: 0 } });
    expect(tally.bytes / tally.lines).toBeGreaterThan(220);
    expect(tally.bytes / tally.lines).toBeLessThan(280);
    let nowMs = 0;
    let late = 0;
    for (const message of messagesOf(text)) {
      const timeMs = Date.parse(message!.timestamp);
      if (nowMs - timeMs > 10_000) late++;
      nowMs = Math.max(nowMs, timeMs);
    }
    expect(late / plan.lines).toBeGreaterThan(0.02);
    expect(late / plan.lines).toBeLessThan(0.1);
  });

  test('vehicles report between the beginning and the end of a trip, and nothing is repeated without faults', () => {
    const faults = { duplicate: 0, late: 0, conflict: 0, malformed: 0 };
    const { text, tally } = generated({ faults });
    const messages = messagesOf(text) as Message[];
    expect(tally).toMatchObject({ messages: plan.lines, duplicates: 0, conflicts: 0, malformed: 0 });
    expect(new Set(messages.map(({ type }) => type))).toEqual(
      new Set(['heartbeat', 'trip-start', 'position', 'sensors', 'fault', 'trip-end']),
    );
    const byTime = messages.toSorted((one, other) => Date.parse(one.timestamp) - Date.parse(other.timestamp));
    const trips = new Map<string, number | undefined>();
    for (const { vin, type, trip } of byTime) {
      if (type === 'position' || type === 'sensors' || type === 'trip-end') expect(trips.get(vin)).toBe(trip);
      if (type === 'heartbeat') expect(trips.get(vin)).toBeUndefined();
      if (type === 'trip-start') trips.set(vin, trip);
      if (type === 'trip-end') trips.set(vin, undefined);
    }
    expect(trips.size).toBeGreaterThan(plan.vehicles / 2);
  });

  test('every vehicle has a VIN of its own whose check digit is right', () => {
    const vins = new Set((messagesOf(generated().text).filter(Boolean) as Message[]).map(({ vin }) => vin));
    expect(vins.size).toBe(plan.vehicles);
    const values = Object.fromEntries([...'ABCDEFGH'].map((letter, index) => [letter, index + 1]));
    Object.assign(values, { J: 1, K: 2, L: 3, M: 4, N: 5, P: 7, R: 9, S: 2, T: 3, U: 4, V: 5, W: 6, X: 7, Y: 8, Z: 9 });
    const weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    for (const vin of vins) {
      const sum = [...vin].reduce((total, c, at) => total + (values[c] ?? Number(c)) * weights[at]!, 0);
      expect(vin[8]).toBe('0123456789X'[sum % 11]);
    }
  });
});
