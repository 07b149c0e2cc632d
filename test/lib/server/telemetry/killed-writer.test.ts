import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ndjson, newFolder, openLog, readAll, reading } from './log-fixture.js';

const FLEET = join(import.meta.dirname, '../../../../bin/fleet.js');
const ROUNDS = 3;

interface Running {
  readonly url: string;
  readonly process: ChildProcess;
}

async function serve(data: string): Promise<Running> {
  const child = spawn(process.execPath, [FLEET, 'serve', '--data', data, '--http', '127.0.0.1:0', '--json'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  for await (const line of createInterface(child.stdout)) {
    const event = JSON.parse(line);
    if (event.type === 'started') return { url: event.http, process: child };
  }
  throw new Error('the server did not start');
}

describe('row 68: a server killed at any time', () => {
  test('has every acknowledged message exactly once, and takes the others when they are sent again', async () => {
    const data = newFolder();
    let running = await serve(data);
    const authorization = `Bearer ${readFileSync(join(data, 'admin-token'), 'utf8').trim()}`;
    const setting = await fetch(`${running.url}/api/v1/settings/telemetry.newDevices.enabled`, {
      method: 'PUT',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ value: true }),
    });
    expect(setting.status).toBe(200);
    const acknowledged: string[] = [];
    const sent: string[] = [];
    const post = async (ids: readonly string[]) => {
      const response = await fetch(`${running.url}/api/v1/telemetry`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/x-ndjson' },
        body: ids.map((id) => `${JSON.stringify(reading(id))}\n`).join(''),
      });
      expect(response.status).toBe(200);
      const answer = (await response.json()) as { accepted: number; duplicates: number };
      expect(answer.accepted + answer.duplicates).toBe(ids.length);
      acknowledged.push(...ids);
    };
    for (let round = 0; round < ROUNDS; round++) {
      const ended = once(running.process, 'exit');
      // The kill meets batches at whatever step they are.
      const senders = Array.from({ length: 4 }, async (_, sender) => {
        for (let batch = 0; ; batch++) {
          const ids = Array.from({ length: 200 }, (_, i) => `${round}-${sender}-${batch}-${i}`);
          sent.push(...ids);
          await post(ids);
          if (acknowledged.length > (round + 1) * 4_000) running.process.kill('SIGKILL');
        }
      });
      await Promise.allSettled(senders);
      await ended;
      running = await serve(data);
    }
    const known = new Set(acknowledged);
    const lost = sent.filter((id) => !known.has(id));
    expect(lost.length).toBeGreaterThan(0);
    await post(sent.slice(0, 400));
    for (let from = 0; from < lost.length; from += 1_000) await post(lost.slice(from, from + 1_000));
    const ended = once(running.process, 'exit');
    running.process.kill('SIGKILL');
    await ended;
    const { messages, gaps } = await readAll(openLog(join(data, 'telemetry')));
    const kept = messages.map(({ line }) => JSON.parse(Buffer.from(line).toString()).messageId as string);
    expect(gaps).toEqual([]);
    expect(kept.toSorted()).toEqual(sent.toSorted());
  }, 60_000);
});

describe('row 71: a log that cannot be written', () => {
  test('acknowledges nothing, keeps nothing, and takes it when it can be written again', async () => {
    const folder = newFolder();
    const log = openLog(folder);
    await log.append(1, ndjson([reading('before')]));
    const other = new DatabaseSync(join(folder, '000000000000001.db'));
    other.exec('begin immediate');
    await expect(log.append(1, ndjson([reading('refused')]))).rejects.toMatchObject({ code: 'IO_FAILED' });
    await expect(log.append(1, ndjson([reading('refused')]))).rejects.toMatchObject({ code: 'IO_FAILED' });
    expect((await readAll(log)).messages).toHaveLength(1);
    other.exec('rollback');
    other.close();
    // It is not tried again at once, and then it is opened anew.
    await expect
      .poll(() => log.append(1, ndjson([reading('refused')])).catch(() => undefined), { timeout: 10_000 })
      .toMatchObject({ accepted: 1, duplicates: 0 });
    expect(await log.append(1, ndjson([reading('before'), reading('refused')]))).toMatchObject({ duplicates: 2 });
    expect((await readAll(log)).messages).toHaveLength(2);
  });
});
