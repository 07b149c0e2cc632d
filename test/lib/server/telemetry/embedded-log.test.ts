import { closeSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bodyOf, ndjson, newFolder, openLog, readAll, reading, T0 } from './log-fixture.js';

describe('the embedded telemetry log', () => {
  test('keeps each id once for each tenant, and tells a repetition from a contradiction', async () => {
    const log = openLog(newFolder());
    const first = await log.append(1, ndjson([reading('a', { speed: 3 }), reading('b'), reading('a', { speed: 3 })]));
    expect(first).toMatchObject({ accepted: 2, duplicates: 1, conflicts: 0, refused: 0, problems: [] });
    const second = await log.append(1, ndjson([reading('a', { speed: 4 }), reading('c')]));
    expect(second).toMatchObject({ accepted: 1, duplicates: 0, conflicts: 1 });
    expect(second.problems).toEqual([{ line: 1, kind: 'conflict', cause: 'another message has this id' }]);
    expect(await log.append(2, ndjson([reading('a', { speed: 9 })]))).toMatchObject({ accepted: 1 });
    const { messages } = await readAll(log);
    expect(messages.map((message) => [message.seq, bodyOf(message).messageId, message.device])).toEqual([
      [1, 'a', 'truck-7'],
      [2, 'b', 'truck-7'],
      [3, 'c', 'truck-7'],
    ]);
    expect(messages[0]).toMatchObject({ time: Date.parse('2026-01-05T05:59:00Z'), type: 'position' });
    expect(bodyOf(messages[0]!)).toMatchObject({ speed: 3 });
    expect((await readAll(log, 2)).messages).toHaveLength(1);
  });

  test('refuses what is no message, line by line, and keeps the rest', async () => {
    const log = openLog(newFolder());
    const lines = [
      JSON.stringify(reading('ok')),
      'no json',
      JSON.stringify(reading('x'.repeat(513))),
      JSON.stringify({ messageId: 'nobody' }),
      JSON.stringify(reading('', {})),
      '   ',
      JSON.stringify({ messageId: 'by vin', vin: 'WVW1' }),
      JSON.stringify({ messageId: 'number', deviceId: 7 }),
    ];
    const answer = await log.append(1, {
      bytes: Buffer.from(lines.map((line) => `${line}\n`).join('')),
      receivedAt: T0,
    });
    expect(answer).toMatchObject({ accepted: 2, refused: 5 });
    expect(answer.problems.map(({ line, cause }) => `${line}: ${cause}`)).toEqual([
      '2: no JSON object at byte 1',
      '3: messageId is longer than 512 bytes',
      '4: no deviceId',
      '5: messageId is empty',
      '8: deviceId is no text',
    ]);
    expect((await readAll(log)).messages.map(({ device }) => device)).toEqual(['truck-7', 'WVW1']);
  });

  test('lets no device speak for another, and leaves out devices that are not admitted', async () => {
    const log = openLog(newFolder());
    const own = await log.append(1, ndjson([reading('a'), reading('b', { deviceId: 'truck-8' })], 'truck-7'));
    expect(own).toMatchObject({
      accepted: 1,
      refused: 1,
      problems: [{ line: 2, cause: "deviceId is another device's" }],
    });
    const asked: string[][] = [];
    const answer = await log.append(
      1,
      ndjson([reading('c', { deviceId: 'x' }), reading('d'), reading('e', { deviceId: 'x' })]),
      async (devices) => {
        asked.push([...devices]);
        return new Map([['x', 'no such device']]);
      },
    );
    expect(asked).toEqual([['x', 'truck-7']]);
    expect(answer).toMatchObject({ accepted: 1, refused: 2, problems: [{ line: 1 }, { line: 3 }] });
    expect((await readAll(log)).messages.map((message) => bodyOf(message).messageId)).toEqual(['a', 'd']);
    // What was not admitted has left no trace: it may come later.
    expect(await log.append(1, ndjson([reading('c', { deviceId: 'x' })]))).toMatchObject({ accepted: 1 });
  });

  test('gives messages without an id one, the same again for the same reading of the same device', async () => {
    const log = openLog(newFolder());
    const timed = { timestamp: '2026-01-05T06:00:00Z', temperature: 20 };
    expect(await log.append(1, ndjson([timed, timed], 'a'))).toMatchObject({ accepted: 1, duplicates: 1 });
    expect(await log.append(1, ndjson([timed], 'b'))).toMatchObject({ accepted: 1 });
    expect(await log.append(1, ndjson([{ temperature: 20 }, { temperature: 20 }], 'a'))).toMatchObject({ accepted: 2 });
    const { messages } = await readAll(log);
    expect(new Set(messages.map((message) => bodyOf(message).messageId)).size).toBe(4);
    expect(messages.map(({ time }) => time)).toEqual([T0, T0, T0, T0]);
  });

  test('clocks that are off by ten years change nothing of what is remembered', async () => {
    const log = openLog(newFolder());
    const at = (id: string, timestamp: string) => reading(id, { timestamp });
    const batch = ndjson([at('past', '2016-01-05T06:00:00Z'), at('future', '2036-01-05T06:00:00Z'), reading('now')]);
    expect(await log.append(1, batch)).toMatchObject({ accepted: 3 });
    expect(await log.append(1, { ...batch, receivedAt: T0 - 10 * 365 * 86_400_000 })).toMatchObject({ duplicates: 3 });
  });

  test('finds messages of a device by time, newest or oldest first, page by page', async () => {
    const log = openLog(newFolder(), { maxBytes: 1024 ** 2 });
    const messages = Array.from({ length: 50 }, (_, i) =>
      reading(`m${i}`, { timestamp: T0 + ((i * 7) % 50) * 1000, type: i % 2 === 0 ? 'even' : 'odd' }),
    );
    for (let i = 0; i < 50; i += 10) await log.append(1, ndjson(messages.slice(i, i + 10)));
    const ask = { tenantId: 1, device: 'truck-7', from: T0 + 10_000, to: T0 + 29_999, maxBytes: 1024 ** 2 } as const;
    const newest = await log.page({ ...ask, order: 'newest', limit: 15 });
    expect(newest.map(({ time }) => (time - T0) / 1000)).toEqual(Array.from({ length: 15 }, (_, i) => 29 - i));
    const { time, seq } = newest.at(-1)!;
    const rest = await log.page({ ...ask, order: 'newest', limit: 15, behind: { time, seq } });
    expect(rest.map((message) => (message.time - T0) / 1000)).toEqual([14, 13, 12, 11, 10]);
    const odd = await log.page({ ...ask, order: 'oldest', type: 'odd', limit: 100 });
    expect(odd.every(({ type }) => type === 'odd')).toBe(true);
    expect(odd.map((message) => message.time)).toEqual(odd.map((message) => message.time).sort((a, b) => a - b));
    expect(await log.page({ ...ask, tenantId: 2, order: 'oldest', limit: 100 })).toEqual([]);
  });

  test('ages by size: the oldest file goes, a reader is told what is gone, and ids are still known', async () => {
    const folder = newFolder();
    const log = openLog(folder, { maxBytes: 1024 ** 2 });
    const filler = 'x'.repeat(1000);
    for (let round = 0; round < 20; round++) {
      await log.append(1, ndjson(Array.from({ length: 100 }, (_, i) => reading(`m${100 * round + i}`, { filler }))));
    }
    const { messages, gaps } = await readAll(log);
    expect(gaps).toEqual([{ from: 1, to: messages[0]!.seq - 1, cause: 'aged' }]);
    expect(messages.map(({ seq }) => seq)).toEqual(
      Array.from({ length: messages.length }, (_, i) => messages[0]!.seq + i),
    );
    expect(messages.at(-1)!.seq).toBe(2000);
    const bytes = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .reduce((sum, { name }) => sum + statSync(join(folder, name)).size, 0);
    expect(bytes).toBeLessThan(1.5 * 1024 ** 2);
    expect(await log.append(1, ndjson([reading('m0', { filler })]))).toMatchObject({ duplicates: 1 });
  });

  test('goes on where it was, with all ids known, also when the store of ids is gone or damaged', async () => {
    const folder = newFolder();
    const batch = ndjson([reading('a'), reading('b')]);
    const first = openLog(folder);
    await first.append(1, batch);
    await first.close();
    const second = openLog(folder);
    expect(await second.append(1, batch)).toMatchObject({ duplicates: 2 });
    await second.close();
    rmSync(join(folder, 'ids'), { recursive: true });
    const third = openLog(folder);
    expect(await third.append(1, batch)).toMatchObject({ duplicates: 2 });
    await third.close();
    writeFileSync(join(folder, 'ids', 'all', 'store.json'), '{');
    const troubles: string[] = [];
    const fourth = openLog(folder, { troubles });
    expect(await fourth.append(1, batch)).toMatchObject({ duplicates: 2 });
    expect(troubles.join()).toMatch(/store\.json.*are read from its log again/);
    expect((await readAll(fourth)).messages).toHaveLength(2);
  });

  test('reports a message that was damaged on the disk, and serves the others', async () => {
    const folder = newFolder();
    const log = openLog(folder);
    await log.append(1, ndjson([reading('a'), reading('b', { note: 'find-me-here' }), reading('c')]));
    await log.close();
    const path = join(folder, '000000000000001.db');
    damage(path, readFileSync(path).indexOf('find-me-here'), 'X');
    const { messages, gaps } = await readAll(openLog(folder));
    expect(messages.map((message) => bodyOf(message).messageId)).toEqual(['a', 'c']);
    expect(gaps).toEqual([{ from: 2, to: 2, cause: 'damaged' }]);
  });

  test('reports damaged blocks, serves what lies around them, and takes new messages elsewhere', async () => {
    const folder = newFolder();
    const log = openLog(folder);
    const filler = 'y'.repeat(500);
    for (let round = 0; round < 5; round++) {
      await log.append(1, ndjson(Array.from({ length: 200 }, (_, i) => reading(`m${200 * round + i}`, { filler }))));
    }
    await log.close();
    const path = join(folder, '000000000000001.db');
    const middle = 8192 * Math.floor(statSync(path).size / 8192 / 2);
    damage(path, middle, '\xff'.repeat(64));
    const reopened = openLog(folder);
    const { messages, gaps } = await readAll(reopened);
    const lost = (gaps as { from: number; to: number }[]).reduce((sum, { from, to }) => sum + to - from + 1, 0);
    expect(lost).toBeGreaterThan(0);
    expect(lost).toBeLessThan(40);
    expect(messages).toHaveLength(1000 - lost);
    expect(await reopened.append(1, ndjson([reading('new')]))).toMatchObject({ accepted: 1 });
    await reopened.close();
    damage(path, 0, 'not a database any more');
    const troubles: string[] = [];
    const last = openLog(folder, { troubles });
    expect(await last.append(1, ndjson([reading('newer')]))).toMatchObject({ accepted: 1 });
    expect(troubles.join()).toContain('is damaged');
    expect((await readAll(last)).messages.map((message) => bodyOf(message).messageId)).toEqual(['newer']);
  });
});

function damage(path: string, at: number, text: string): void {
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.from(text, 'latin1'), 0, undefined, at);
  closeSync(file);
}
