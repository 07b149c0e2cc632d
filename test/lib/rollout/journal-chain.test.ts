import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CampaignEvent, type JournalEntry, journalEntry } from '../../../src/lib/rollout/campaign-event.js';
import { chainEntry, EMPTY_JOURNAL, followJournal } from '../../../src/lib/rollout/journal-chain.js';

const events: CampaignEvent[] = [
  { type: 'noted', text: 'one' },
  { type: 'resumed', by: 'ada' },
  { type: 'noted', text: 'three' },
  { type: 'noted', text: 'four' },
];

function journal(): JournalEntry[] {
  const entries: JournalEntry[] = [];
  for (const [index, event] of events.entries()) {
    entries.push(chainEntry(entries.at(-1) ?? EMPTY_JOURNAL, 1_000 + index, event));
  }
  return entries;
}

test('a journal follows from its beginning, and from any of its entries', () => {
  const entries = journal();
  const end = followJournal(EMPTY_JOURNAL, entries);
  expect(end).toEqual({ seq: 4, time: 1_003, hash: entries[3]!.hash });
  expect(followJournal(entries[1]!, entries.slice(2))).toEqual(end);
});

test('an entry is never older than the one before, wherever the clock has gone', () => {
  const first = chainEntry(EMPTY_JOURNAL, 5_000, events[0]!);
  const second = chainEntry(first, 10, events[1]!);
  expect(second.time).toBe(5_000);
  expect(followJournal(EMPTY_JOURNAL, [first, second]).seq).toBe(2);
});

test('whatever is changed, left out, doubled or moved is found', () => {
  const change = fc.constantFrom<(entries: JournalEntry[], at: number) => void>(
    (entries, at) => void entries.splice(at, 1),
    (entries, at) => void entries.splice(at, 0, entries[at]!),
    (entries, at) => void entries.splice(at, 2, ...entries.slice(at, at + 2).reverse()),
    (entries, at) => {
      entries[at] = { ...entries[at]!, event: { type: 'noted', text: 'something else' } };
    },
    (entries, at) => {
      entries[at] = { ...entries[at]!, time: entries[at]!.time + 1 };
    },
    (entries, at) => {
      entries[at] = chainEntry({ ...entries[at]!, seq: at }, 1_100, { type: 'noted', text: 'forged' });
    },
  );
  fc.assert(
    // The last entry can be left out unseen: that is what an anchored head is for.
    fc.property(change, fc.integer({ min: 0, max: 2 }), (apply, at) => {
      const entries = journal();
      apply(entries, at);
      expect(() => followJournal(EMPTY_JOURNAL, entries)).toThrow(expect.objectContaining({ code: 'STORE_DAMAGED' }));
    }),
  );
});

test('an entry has a time that there is a date for, whatever a server says', () => {
  const [entry] = journal();
  expect(journalEntry.safeParse({ ...entry, time: 8.64e15 }).success).toBe(true);
  expect(journalEntry.safeParse({ ...entry, time: 8.64e15 + 2 }).success).toBe(false);
});
