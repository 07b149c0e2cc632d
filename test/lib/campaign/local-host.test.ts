import { appendFile, mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CampaignHost, CampaignUpdate } from '../../../src/lib/campaign/host.js';
import { openLocalHost } from '../../../src/lib/campaign/local-host.js';
import { takeLock } from '../../../src/lib/core/lock.js';
import { EMPTY_JOURNAL, followJournal } from '../../../src/lib/rollout/journal-chain.js';
import { campaignPlan, PLANNED_AT } from '../../support/campaign-plan.js';
import { NEVER } from '../../support/driven-campaign.js';
import { MemoryDriver, type MemoryDriverOptions } from '../../support/fleet-in-memory.js';
import { type TestFolder, testFolder } from '../../support/folder.js';
import { leapingTime } from '../../support/leaping-time.js';

interface Place {
  readonly host: CampaignHost;
  readonly driver: MemoryDriver;
  /** Another process's view of the same folder. */
  readonly other: CampaignHost;
}

function place(folder: TestFolder, options: Omit<MemoryDriverOptions, 'pacing'> = {}): Place {
  const pacing = leapingTime(PLANNED_AT);
  const driver = new MemoryDriver({ ...options, pacing });
  const path = folder.file('campaigns');
  return {
    driver,
    host: openLocalHost({ folder: path, driver, pacing }),
    other: openLocalHost({ folder: path, driver, pacing }),
  };
}

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

async function last(updates: AsyncIterable<CampaignUpdate>): Promise<CampaignUpdate> {
  return (await all(updates)).at(-1)!;
}

const plan = campaignPlan({ sizes: [2, 4] });
const by = 'ada';

test('a campaign is begun, driven to its end and read again; nobody else can look at its files', async () => {
  await using folder = await testFolder();
  const { host, driver } = place(folder);
  expect(await host.open(plan, { by })).toMatchObject({ phase: 'running', openedBy: by, isDriven: false });
  const end = await last(host.drive('spring', NEVER));
  expect(end.view).toMatchObject({ phase: 'finished', isDriven: true });
  expect(driver.given.length).toBe(6);
  expect(await host.view('spring')).toMatchObject({ phase: 'finished', isDriven: false });
  expect((await host.list()).map(({ name }) => name)).toEqual(['spring']);
  expect(await host.plan('spring')).toEqual(plan);
  const entries = (await all(host.journal('spring', 0))).flat();
  expect(followJournal(EMPTY_JOURNAL, entries)).toMatchObject({ seq: end.view.head.seq, hash: end.view.head.hash });
  expect((await all(host.journal('spring', 3))).flat()).toEqual(entries.slice(3));
  for (const name of ['plan.json', 'journal.ndjson']) {
    expect((await stat(folder.file(`campaigns/spring/${name}`))).mode & 0o777, name).toBe(0o600);
  }
  expect((await stat(folder.file('campaigns/spring'))).mode & 0o777).toBe(0o700);
});

test('the same plan again is the campaign that is there, another plan of its name is refused', async () => {
  await using folder = await testFolder();
  const { host } = place(folder);
  const view = await host.open(plan, { by });
  const before = await folder.state();
  expect((await host.open(plan, { by: 'bob' })).head).toEqual(view.head);
  await expect(host.open(campaignPlan({ sizes: [3] }), { by })).rejects.toMatchObject({ code: 'CONFLICT' });
  expect(await folder.state()).toEqual(before);
});

test('a plan for another server is neither begun nor driven', async () => {
  await using folder = await testFolder();
  const { host } = place(folder);
  const elsewhere = campaignPlan({ server: { driver: 'hawkbit', address: 'https://elsewhere.example.com' } });
  await expect(host.open(elsewhere, { by })).rejects.toMatchObject({ code: 'CONFLICT' });
  expect(await folder.state()).toEqual({});
});

test.each([
  ['nothing but the folder', async () => {}],
  ['half a plan', (at: string) => writeFile(join(at, 'plan.json'), '{"spec":"ota-ro')],
  ['a plan and no journal', (at: string) => writeFile(join(at, 'plan.json'), JSON.stringify(plan))],
  ['an empty journal', (at: string) => writeFile(join(at, 'journal.ndjson'), '')],
  ['half an opening', (at: string) => writeFile(join(at, 'journal.ndjson'), '{"seq":1,"time":17')],
])('a crash while it was begun that leaves %s is no campaign, and it can be begun again', async (_, leave) => {
  await using folder = await testFolder();
  const { host } = place(folder);
  await host.open(campaignPlan({ name: 'autumn' }), { by });
  await mkdir(folder.file('campaigns/spring'), { mode: 0o700 });
  await leave(folder.file('campaigns/spring'));
  await expect(host.view('spring')).rejects.toMatchObject({ exitCode: expect.any(Number) });
  expect((await host.list()).map(({ name }) => name)).toEqual(['autumn']);
  expect((await host.open(plan, { by })).head.seq).toBe(1);
  expect((await last(host.drive('spring', NEVER))).view.phase).toBe('finished');
});

test.each(['../spring', '.', '..', 'a/b', '', 'Spring', 'x'.repeat(64)])('there is no campaign %j', async (name) => {
  await using folder = await testFolder();
  const { host } = place(folder);
  await expect(host.view(name)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(host.request(name, { verb: 'pause' }, { by })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(all(host.drive(name, NEVER))).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('what a crash has left of the last entry is cut off; what was changed or taken out is refused and stays', async () => {
  await using folder = await testFolder();
  const { host } = place(folder);
  await host.open(plan, { by });
  const stop = new AbortController();
  for await (const { view } of host.drive('spring', stop.signal)) if (view.head.seq >= 4) stop.abort();
  const journal = folder.file('campaigns/spring/journal.ndjson');
  const { seq } = (await host.view('spring')).head;
  await appendFile(journal, '{"seq":99,"time":1,"ev');
  expect((await host.view('spring')).head.seq).toBe(seq);

  const whole = await readFile(journal, 'utf8');
  const lines = whole.split('\n');
  const damages = [
    whole.replace('"by":"ada"', '"by":"eve"'),
    [...lines.slice(0, 1), ...lines.slice(2)].join('\n'),
    [lines[0], lines[2], lines[1], ...lines.slice(3)].join('\n'),
    `${lines[0]}\nnot an entry\n`,
  ];
  for (const damage of damages) {
    await writeFile(journal, damage);
    const before = await folder.state();
    await expect(host.view('spring')).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    await expect(all(host.drive('spring', NEVER))).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    await expect(host.open(plan, { by })).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    expect(await folder.state()).toEqual(before);
  }
  await writeFile(journal, whole);
  expect((await last(host.drive('spring', NEVER))).view.phase).toBe('finished');
  expect(await readFile(journal, 'utf8')).not.toContain('"seq":99');
});

test('a campaign whose journal was cut behind a whole entry goes on from there', async () => {
  await using folder = await testFolder();
  const { host, driver } = place(folder);
  await host.open(plan, { by });
  await last(host.drive('spring', NEVER));
  const journal = folder.file('campaigns/spring/journal.ndjson');
  const whole = await readFile(journal);
  const given = [...driver.given];
  for (let feed = whole.indexOf(10); feed >= 0; feed = whole.indexOf(10, feed + 1)) {
    await truncate(journal, 0);
    await writeFile(journal, whole.subarray(0, feed + 1));
    expect((await last(host.drive('spring', NEVER))).view.phase).toBe('finished');
    expect(driver.given).toEqual(given);
  }
});

test('while one process drives it, another can watch it and ask for something, and cannot drive it', async () => {
  await using folder = await testFolder();
  // Devices never end, so that it goes on until somebody asks.
  const { host, other } = place(folder, { fate: () => ({ outcome: 'silent', afterMs: 0 }) });
  await host.open(plan, { by });
  const driving = last(host.drive('spring', NEVER));
  const watched: string[] = [];
  const watching = (async () => {
    for await (const { entries, view } of other.watch('spring', NEVER)) {
      watched.push(...entries.map(({ event }) => event.type));
      if (view.stages[0]!.startedAt !== null && !watched.includes('paused') && watched.includes('judged')) {
        await expect(all(other.drive('spring', NEVER))).rejects.toMatchObject({ code: 'LOCKED' });
        const paused = await other.request('spring', { verb: 'pause', remark: 'lunch' }, { by: 'bob' });
        expect(paused).toMatchObject({ phase: 'paused', reason: 'bob asked for it: lunch' });
      }
    }
  })();
  expect((await driving).view.phase).toBe('paused');
  await watching;
  expect(watched.slice(-2)).toEqual(['paused', 'held']);
  expect(await readdir(folder.file('campaigns/spring/requests'))).toEqual([]);
});

test('what makes no sense is refused, and leaves nothing behind', async () => {
  await using folder = await testFolder();
  const { host } = place(folder);
  await host.open(plan, { by });
  const before = await folder.state();
  for (const verb of ['resume', 'approve', 'retry-failed'] as const) {
    await expect(host.request('spring', { verb }, { by })).rejects.toMatchObject({ code: 'CONFLICT' });
  }
  expect(await folder.state()).toEqual(before);
});

test('a request that nobody was there for is done by whoever drives it next, before anything else', async () => {
  await using folder = await testFolder();
  const { host, driver } = place(folder);
  await host.open(plan, { by });
  const lock = await takeLock(folder.file('campaigns/spring/lock'));
  expect(await host.request('spring', { verb: 'abort' }, { by })).toMatchObject({ phase: 'running', isDriven: true });
  await lock.release();
  expect((await last(host.drive('spring', NEVER))).view.phase).toBe('aborted');
  expect(driver.calls).toEqual([]);
});

test('a file among the requests that is none stops nothing', async () => {
  await using folder = await testFolder();
  const { host } = place(folder);
  await host.open(plan, { by });
  await host.request('spring', { verb: 'pause' }, { by });
  const bad = folder.file(`campaigns/spring/requests/${'0'.repeat(16)}-${crypto.randomUUID()}.json`);
  await writeFile(bad, '{"request":{"verb":"sell"}}');
  expect(await host.request('spring', { verb: 'resume' }, { by })).toMatchObject({ phase: 'running' });
  expect((await last(host.drive('spring', NEVER))).view.phase).toBe('finished');
});

test('driving ends without a failure when it is told to, and goes on later', async () => {
  await using folder = await testFolder();
  const { host, driver } = place(folder);
  await host.open(plan, { by });
  const stop = new AbortController();
  for await (const { entries } of host.drive('spring', stop.signal)) {
    if (entries.some(({ event }) => event.type === 'starting')) stop.abort();
  }
  expect(await host.view('spring')).toMatchObject({ phase: 'running', isDriven: false });
  expect((await last(host.drive('spring', NEVER))).view.phase).toBe('finished');
  expect(driver.given.length).toBe(6);
});

test('a request that nobody can do is told to whoever asked, and ends no drive', async () => {
  await using folder = await testFolder();
  const { host, driver } = place(folder, { fate: () => ({ outcome: 'failed', afterMs: 1_000 }) });
  await host.open(plan, { by });
  await last(host.drive('spring', NEVER));
  driver.forgetPortion('spring.s1.0');
  await expect(host.request('spring', { verb: 'retry-failed' }, { by })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(await readdir(folder.file('campaigns/spring/requests'))).toEqual([]);
  expect((await last(host.drive('spring', NEVER))).view.phase).toBe('paused');
});

test('nothing is asked of a campaign of another server, whose rollouts may have the same numbers', async () => {
  await using folder = await testFolder();
  const { host, driver } = place(folder);
  await host.open(plan, { by });
  const elsewhere = Object.assign(Object.create(driver) as MemoryDriver, { address: 'https://elsewhere.example.com' });
  const wrong = openLocalHost({ folder: folder.file('campaigns'), driver: elsewhere, pacing: leapingTime(PLANNED_AT) });
  const before = await folder.state();
  await expect(wrong.request('spring', { verb: 'abort' }, { by })).rejects.toMatchObject({ code: 'CONFLICT' });
  expect(await folder.state()).toEqual(before);
});

test('a journal that is cut or changed anywhere is read as what came before, or refused, and nothing else', async () => {
  await using folder = await testFolder();
  const { host } = place(folder);
  await host.open(plan, { by });
  await last(host.drive('spring', NEVER));
  const file = folder.file('campaigns/spring/journal.ndjson');
  const whole = await readFile(file);
  const { head } = await host.view('spring');
  const told = async (bytes: Buffer) => {
    await writeFile(file, bytes);
    return await host.view('spring').then(
      (view) => view.head.seq,
      (error: { code?: string }) => error.code,
    );
  };
  for (let bytes = 0; bytes < whole.length; bytes += 61) {
    const entries = whole.subarray(0, bytes).toString('latin1').split('\n').length - 1;
    expect(await told(whole.subarray(0, bytes)), `${bytes} bytes`).toBe(entries === 0 ? 'NOT_FOUND' : entries);
  }
  for (let at = 0; at < whole.length - 1; at += 103) {
    const changed = Buffer.from(whole);
    changed[at]! ^= 1 << (at % 8);
    expect(await told(changed), `a bit of byte ${at}`).toBe('STORE_DAMAGED');
  }
  expect(await told(whole)).toBe(head.seq);
});
