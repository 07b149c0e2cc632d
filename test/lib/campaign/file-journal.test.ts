import { appendFile, readFile, symlink, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { FileJournal } from '../../../src/lib/campaign/file-journal.js';
import { openDurableFs } from '../../../src/lib/core/node-durable-fs.js';
import type { CampaignEvent, JournalEntry } from '../../../src/lib/rollout/campaign-event.js';
import { chainEntry, EMPTY_JOURNAL } from '../../../src/lib/rollout/journal-chain.js';
import { type TestFolder, testFolder } from '../../support/folder.js';

const fs = openDurableFs();

function entries(count: number, note = 'x'): JournalEntry[] {
  const made: JournalEntry[] = [];
  const event: CampaignEvent = { type: 'noted', text: note };
  for (let seq = 0; seq < count; seq++) made.push(chainEntry(made.at(-1) ?? EMPTY_JOURNAL, 1_000 + seq, event));
  return made;
}

function open(folder: TestFolder): Promise<FileJournal> {
  return FileJournal.open(fs, folder.file('journal.ndjson'), folder.path);
}

async function all(journal: FileJournal, after = 0): Promise<JournalEntry[]> {
  const read: JournalEntry[] = [];
  for await (const page of journal.read(after)) read.push(...page);
  return read;
}

test('what was added is read again, by others and later, in pages and from anywhere', async () => {
  await using folder = await testFolder();
  const made = entries(3_000, 'a long note '.repeat(20));
  {
    await using journal = await open(folder);
    await journal.append(made.slice(0, 10));
    await journal.append(made.slice(10));
  }
  await using journal = await open(folder);
  expect(await all(journal)).toEqual(made);
  expect(await all(journal, 2_990)).toEqual(made.slice(2_990));
});

test('an entry that does not follow the last one is not kept', async () => {
  await using folder = await testFolder();
  const made = entries(4);
  await using journal = await open(folder);
  await journal.append(made.slice(0, 2));
  const before = await folder.state();
  const forged = { ...made[2]!, previousHash: made[0]!.hash };
  for (const wrong of [made[0]!, made[1]!, made[3]!, forged]) {
    await expect(journal.append([wrong])).rejects.toMatchObject({ code: 'CONFLICT' });
  }
  expect(await folder.state()).toEqual(before);
  await journal.append(made.slice(2));
  expect((await all(journal)).length).toBe(4);
});

test('wherever the last entry was cut, the journal ends before it and goes on', async () => {
  const made = entries(2);
  const line = `${JSON.stringify(made[1])}\n`;
  for (let length = 0; length < line.length; length += 7) {
    await using folder = await testFolder();
    await writeFile(folder.file('journal.ndjson'), `${JSON.stringify(made[0])}\n${line.slice(0, length)}`);
    await using journal = await open(folder);
    expect(await all(journal)).toEqual(made.slice(0, 1));
    await journal.append(made.slice(1));
    expect(await readFile(folder.file('journal.ndjson'), 'utf8')).toBe(`${JSON.stringify(made[0])}\n${line}`);
  }
});

test.each([
  ['a line that is no JSON', 'nonsense\n'],
  ['a line that is no entry', '{"seq":2}\n'],
  ['an event that nobody knows', `${JSON.stringify({ ...entries(1)[0], event: { type: 'sold' } })}\n`],
  ['an empty line', '\n'],
  ['zeros', `${'\0'.repeat(100)}\n`],
])('a journal with %s is refused, and stays as it is', async (_, line) => {
  await using folder = await testFolder();
  await writeFile(folder.file('journal.ndjson'), `${JSON.stringify(entries(1)[0])}\n`);
  await appendFile(folder.file('journal.ndjson'), line);
  const before = await folder.state();
  await expect(open(folder)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  expect(await folder.state()).toEqual(before);
});

test('a journal is not written through a symbolic link', async () => {
  await using folder = await testFolder();
  await writeFile(folder.file('elsewhere'), '');
  await symlink(folder.file('elsewhere'), folder.file('journal.ndjson'));
  await expect(open(folder)).rejects.toMatchObject({ code: 'OUTPUT_SYMLINK' });
});
