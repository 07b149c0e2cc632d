import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { verifiedJournal } from '../../../src/lib/campaign/verify-journal.js';
import type { JournalEntry } from '../../../src/lib/rollout/campaign-event.js';
import { planDigest } from '../../../src/lib/rollout/parse-plan.js';
import { goodCampaign, pagesOf, planOf } from './report/sample-campaign.js';

const { plan, entries } = goodCampaign();
const digest = planDigest(plan);
const { seq, hash } = entries.at(-1)!;

/** How many entries were passed through. */
async function passed(journal: readonly JournalEntry[], remembered?: { seq: number; hash: string }): Promise<number> {
  let count = 0;
  for await (const page of verifiedJournal(pagesOf(journal), { planDigest: digest, remembered })) count += page.length;
  return count;
}

describe('a journal', () => {
  test('that nobody touched passes, whole and as far as anybody remembers', async () => {
    expect(await passed(entries)).toBe(entries.length);
    expect(await passed(entries, { seq, hash })).toBe(entries.length);
    expect(await passed(entries, { seq: 5, hash: entries[4]!.hash })).toBe(entries.length);
  });

  test('in which an entry was changed is broken there', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(entries.length - 1), async (at) => {
        const changed = entries.map((entry, place) => (place === at ? { ...entry, time: entry.time + 1 } : entry));
        const expected = { code: 'AUDIT_BROKEN', exitCode: 4, message: expect.stringContaining(`entry ${at + 1} `) };
        await expect(passed(changed)).rejects.toMatchObject(expected);
      }),
    );
  });

  test('from which an entry was taken is broken there', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(entries.length - 2), async (at) => {
        const expected = { code: 'AUDIT_BROKEN', message: expect.stringContaining(`entry ${at + 1} `) };
        await expect(passed(entries.toSpliced(at, 1))).rejects.toMatchObject(expected);
      }),
    );
  });

  test('whose end was cut off is broken only for whoever remembers it', async () => {
    const shorter = entries.slice(0, -1);
    expect(await passed(shorter)).toBe(shorter.length);
    await expect(passed(shorter, { seq, hash })).rejects.toMatchObject({
      code: 'AUDIT_BROKEN',
      message: `the journal of the campaign is broken: it ends with entry ${seq - 1}, entry ${seq} was in it before`,
    });
  });

  test('that was chained anew is broken for whoever remembers a hash', async () => {
    const others = goodCampaign(planOf({ seed: 2 }));
    const expected = { code: 'AUDIT_BROKEN', message: expect.stringContaining('entry 1 began another plan') };
    await expect(passed(others.entries)).rejects.toMatchObject(expected);
    const remembered = { seq: 3, hash: 'f'.repeat(64) };
    await expect(passed(entries, remembered)).rejects.toMatchObject({
      message: expect.stringContaining('entry 3 has'),
    });
  });
});
