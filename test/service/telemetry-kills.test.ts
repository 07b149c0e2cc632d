import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { newFolder, openLog, readAll, reading } from '../lib/server/telemetry/log-fixture.js';
import { startFleet } from '../support/fleet-process.js';

const ROUNDS = 3;

describe('row 68: a server killed at any time', () => {
  test('has every acknowledged message exactly once, and takes the others when they are sent again', async () => {
    const data = newFolder();
    let running = await startFleet({ data });
    onTestFinished(async () => void (await running.end('SIGKILL')));
    const setting = await running.call('PUT', '/api/v1/settings/telemetry.newDevices.enabled', {
      body: { value: true },
    });
    expect(setting.status).toBe(200);
    const acknowledged: string[] = [];
    const sent: string[] = [];
    const post = async (ids: readonly string[]) => {
      const { status, body } = await running.call('POST', '/api/v1/telemetry', {
        headers: { 'content-type': 'application/x-ndjson' },
        body: ids.map((id) => `${JSON.stringify(reading(id))}\n`).join(''),
      });
      expect(status).toBe(200);
      expect(body.accepted + body.duplicates).toBe(ids.length);
      acknowledged.push(...ids);
    };
    for (let round = 0; round < ROUNDS; round++) {
      // The kill meets batches at whatever step they are.
      const senders = Array.from({ length: 4 }, async (_, sender) => {
        for (let batch = 0; ; batch++) {
          const ids = Array.from({ length: 200 }, (_, i) => `${round}-${sender}-${batch}-${i}`);
          sent.push(...ids);
          await post(ids);
          if (acknowledged.length > (round + 1) * 4_000) void running.end('SIGKILL');
        }
      });
      await Promise.allSettled(senders);
      await running.ended;
      running = await startFleet({ data });
    }
    const known = new Set(acknowledged);
    const lost = sent.filter((id) => !known.has(id));
    expect(lost.length).toBeGreaterThan(0);
    await post(sent.slice(0, 400));
    for (let from = 0; from < lost.length; from += 1_000) await post(lost.slice(from, from + 1_000));
    await running.end('SIGKILL');
    const { messages, gaps } = await readAll(openLog(join(data, 'telemetry')));
    const kept = messages.map(({ line }) => JSON.parse(Buffer.from(line).toString()).messageId as string);
    expect(gaps).toEqual([]);
    expect(kept.toSorted()).toEqual(sent.toSorted());
  }, 60_000);
});
