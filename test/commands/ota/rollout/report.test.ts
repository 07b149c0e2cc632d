import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JournalEntry } from '../../../../src/lib/rollout/campaign-event.js';
import { badCampaign, goodCampaign, type SampleCampaign } from '../../../lib/campaign/report/sample-campaign.js';
import { type TestFolder, testFolder } from '../../../support/folder.js';
import { parseHtml } from '../../../support/html.js';
import { parseXml } from '../../../support/xml.js';
import { cliInProcess } from '../../in-process.js';
import { openRolloutDesk } from './rollout-desk.js';

let folder: TestFolder;
const good = goodCampaign();
const { seq, hash } = good.entries.at(-1)!;

async function write(name: string, { plan, entries }: SampleCampaign): Promise<void> {
  await mkdir(folder.file(name));
  await writeFile(folder.file(`${name}/plan.json`), JSON.stringify(plan, undefined, 2));
  await writeFile(folder.file(`${name}/journal.ndjson`), journalText(entries));
}

function journalText(entries: readonly JournalEntry[]): string {
  return entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
}

const report = (words: string) => cliInProcess('ota', ['rollout', 'report', ...words.split(' ')], { cwd: folder.path });

/** A refusal that writes nothing. */
async function refused(words: string): Promise<{ status: number; stderr: string }> {
  const before = await folder.state();
  const { status, stdout, stderr } = await report(words);
  expect(stdout).toBe('');
  expect(await folder.state()).toEqual(before);
  return { status, stderr };
}

beforeAll(async () => {
  folder = await testFolder();
  await write('good', good);
  await write('bad', badCampaign());
});
afterAll(() => folder[Symbol.asyncDispose]());

describe('ota rollout report --journal', () => {
  test('prints Markdown of a folder, and of a journal with its plan', async () => {
    const { status, stdout } = await report('--journal bad');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^# meter-2.0.0: meter 2.0.0, rollback failed\n/);
    const apart = await report('--journal bad/journal.ndjson --plan bad/plan.json');
    expect(apart).toMatchObject({ status: 0, stdout });
  });

  test('writes what the name of the output says, or what is asked for', async () => {
    expect((await report('--journal bad -o rollout.html')).status).toBe(0);
    expect(parseHtml(await readFile(folder.file('rollout.html'), 'utf8')).length).toBeGreaterThan(100);
    expect((await report('--journal bad -o rollout.xml')).stdout).toBe('');
    expect(parseXml(await readFile(folder.file('rollout.xml'), 'utf8')).name).toBe('testsuites');
    expect((await report('--journal bad --format junit -o rollout.txt')).status).toBe(0);
    expect(await readFile(folder.file('rollout.txt'), 'utf8')).toBe(await readFile(folder.file('rollout.xml'), 'utf8'));
    const { stdout } = await report('--journal bad --format html');
    expect(stdout).toBe(await readFile(folder.file('rollout.html'), 'utf8'));
  });

  test('is one document with --json, also beside a file', async () => {
    const { stdout } = await report('--journal good --verify --json -o good.md');
    expect(JSON.parse(stdout)).toMatchObject({
      name: 'meter-2.0.0',
      phase: 'finished',
      openedAt: '2026-01-05T06:00:00.000Z',
      head: { seq, hash },
      isVerified: true,
    });
    expect(await readFile(folder.file('good.md'), 'utf8')).toContain(`| Journal | ${seq}:${hash} |`);
  });

  test('is not in the way of a campaign that is just writing', async () => {
    await write('cut', { ...good, entries: good.entries.slice(0, 6) });
    await writeFile(folder.file('cut/journal.ndjson'), '{"seq":7,"ti', { flag: 'a' });
    const { status, stdout } = await report('--journal cut --verify');
    expect(status).toBe(0);
    expect(stdout).toContain(`6:${good.entries[5]!.hash}`);
  });
});

describe('ota rollout report --verify', () => {
  test('tells where a journal ends that holds together', async () => {
    const { status, stderr } = await report(`--journal good --head ${seq}:${hash}`);
    expect(status).toBe(0);
    expect(stderr).toContain(`${seq}:${hash}`);
  });

  test.each<[string, (entries: JournalEntry[]) => JournalEntry[], RegExp]>([
    [
      'an entry that was changed',
      (entries) => entries.map((one) => (one.seq === 9 ? { ...one, time: one.time + 1 } : one)),
      /entry 9 was changed/,
    ],
    ['an entry that was taken out', (entries) => entries.toSpliced(8, 1), /entry 9 is missing, entry 10 follows/],
    ['an entry twice', (entries) => entries.toSpliced(8, 0, entries[7]!), /entry 9 is missing, entry 8 follows/],
  ])('ends with 4 at %s, and writes nothing', async (_, change, fact) => {
    await writeFile(folder.file('changed.ndjson'), journalText(change([...good.entries])));
    const words = '--journal changed.ndjson --plan good/plan.json -o changed.html --verify';
    const { status, stderr } = await refused(words);
    expect(status).toBe(4);
    expect(stderr).toMatch(fact);
    const { stdout } = await report(`${words} --json`);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'AUDIT_BROKEN', exitStatus: 4 } });
  });

  test('ends with 4 where the end was cut off, for whoever remembers it', async () => {
    await writeFile(folder.file('shorter.ndjson'), journalText(good.entries.slice(0, -1)));
    const words = '--journal shorter.ndjson --plan good/plan.json';
    expect((await report(`${words} --verify`)).status).toBe(0);
    const { status, stderr } = await refused(`${words} --head ${seq}:${hash}`);
    expect(status).toBe(4);
    expect(stderr).toContain(`it ends with entry ${seq - 1}, entry ${seq} was in it before`);
  });

  test('ends with 4 where the plan is another one', async () => {
    await writeFile(folder.file('other.json'), JSON.stringify({ ...good.plan, seed: 2 }));
    const { status, stderr } = await refused('--journal good/journal.ndjson --plan other.json --verify');
    expect(status).toBe(4);
    expect(stderr).toContain('entry 1 began another plan');
  });
});

describe('ota rollout report refuses', () => {
  test.each([
    ['a journal without its plan', '--journal good/journal.ndjson', 2, 'its plan is missing'],
    ['a name and a journal', 'good --journal good', 2, 'a name is given too'],
    ['a head that is none', '--journal good --head 12', 2, 'no number of an entry'],
    ['a journal that is not there', '--journal nothing', 16, 'nothing'],
    ['an empty journal', '--journal empty.ndjson --plan good/plan.json', 16, 'holds nothing yet'],
    ['a plan that is none', '--journal good/journal.ndjson --plan good/journal.ndjson', 4, 'journal.ndjson'],
    ['a line that is no entry', '--journal torn.ndjson --plan good/plan.json', 4, 'torn.ndjson'],
    ['an output that is there', '--journal good -o taken.html', 8, 'taken.html'],
  ])('%s', async (_, words, expected, fact) => {
    await writeFile(folder.file('empty.ndjson'), '');
    await writeFile(folder.file('torn.ndjson'), '{"seq":1}\n');
    await writeFile(folder.file('taken.html'), 'mine');
    const { status, stderr } = await refused(words);
    expect(stderr).toContain(fact);
    expect(status).toBe(expected);
  });

  test('to write through a link', async () => {
    await symlink(folder.file('taken.html'), folder.file('link.html'));
    expect((await refused('--journal good -o link.html --force')).status).toBe(6);
  });
});

test('ota rollout report tells of a campaign in a server', async () => {
  await using desk = await openRolloutDesk();
  const plan = await desk.plan();
  const started = await desk.ota(`rollout start ${plan} --package meter-2.0.0.ota --detach --json`);
  expect(started.status).toBe(0);
  const { status, stdout } = await desk.ota('rollout report meter-2.0.0 --format junit --verify');
  expect(status).toBe(0);
  const { children } = parseXml(`${stdout.trimEnd()}\n`);
  expect(children.map(({ attributes }) => attributes.name)).toEqual([
    'meter-2.0.0',
    'meter-2.0.0 stage 1',
    'meter-2.0.0 stage 2',
  ]);
  const other = await desk.ota('rollout report meter-2.0.9');
  expect(other).toMatchObject({ status: 16, stderr: expect.stringContaining('Did you mean meter-2.0.0?') });
});
