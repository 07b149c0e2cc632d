import { sql, type Transaction } from 'kysely';
import type { Journal } from '../../campaign/journal.js';
import { OtaError } from '../../core/errors.js';
import { type CampaignEvent, JOURNAL_GENESIS, type JournalEntry } from '../../rollout/campaign-event.js';
import type { ServerContext } from '../context.js';
import { chunksOf } from '../database/chunks.js';
import type { Queryable } from '../database/database.js';
import type { Schema } from '../database/schema.js';
import { campaignEvent } from './campaign-events.js';
import { lockCampaign } from './campaign-row.js';

/** Entries of a page. */
const PAGE = 200;
/** Of a page, unless its first entry alone has more: some list many devices. Characters. */
const PAGE_LENGTH = 8 * 1024 ** 2;

export interface JournalOf {
  readonly tenantId: number;
  readonly campaignId: number;
  /** Name of the campaign. */
  readonly campaign: string;
}

/** The journal of a campaign in the database. With each entry goes an event to whoever watches. */
export class TableJournal implements Journal {
  readonly #server: Pick<ServerContext, 'database' | 'events'>;
  readonly #of: JournalOf;
  /** Done in the transaction that appends the next entries. */
  #alongside: ((tx: Transaction<Schema>) => Promise<void>) | undefined;
  #isOutrun = false;

  constructor(server: Pick<ServerContext, 'database' | 'events'>, of: JournalOf) {
    this.#server = server;
    this.#of = of;
  }

  /** Another process has written: whoever holds what the journal added up to has to read it anew. */
  get isOutrun(): boolean {
    return this.#isOutrun;
  }

  /** Does something together with what is appended first during `work`: both have happened, or neither. */
  async along<T>(alongside: (tx: Transaction<Schema>) => Promise<void>, work: () => Promise<T>): Promise<T> {
    this.#alongside = alongside;
    try {
      return await work();
    } finally {
      this.#alongside = undefined;
    }
  }

  async *read(after = 0): AsyncGenerator<readonly JournalEntry[]> {
    for (let from = after; ; ) {
      const entries = await readEntries(this.#server.database.sql, this.#of, { after: from, limit: PAGE });
      const last = entries.at(-1);
      if (last === undefined) return;
      yield entries;
      from = last.seq;
    }
  }

  async append(entries: readonly JournalEntry[]): Promise<void> {
    const { database, events } = this.#server;
    const alongside = this.#alongside;
    this.#alongside = undefined;
    try {
      await database.transaction(async (tx) => {
        await insertEntries(tx, this.#of, entries);
        await alongside?.(tx);
        await events.append(
          tx,
          entries.map((entry) => campaignEvent(this.#of, entry)),
        );
      });
    } catch (error) {
      this.#isOutrun ||= error instanceof OtaError && error.code === 'CONFLICT';
      throw error;
    }
  }
}

/** Of the newest entry; 0: there is none. */
export async function lastSeq(db: Queryable, campaignId: number): Promise<number> {
  const { seq } = await db
    .selectFrom('campaign_entry')
    .select(({ fn }) => fn.max<number | null>('seq').as('seq'))
    .where('campaign_id', '=', campaignId)
    .executeTakeFirstOrThrow();
  return seq ?? 0;
}

/** Entries behind another one, in order: none only at the end. */
export async function readEntries(
  db: Queryable,
  { tenantId, campaignId }: Pick<JournalOf, 'tenantId' | 'campaignId'>,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<JournalEntry[]> {
  const behind = db
    .selectFrom('campaign_entry')
    .where('campaign_id', '=', campaignId)
    .where('tenant_id', '=', tenantId)
    .where('seq', '>', after)
    .orderBy('seq');
  const lengths = await behind
    .select(['seq', sql<number>`length(body)`.as('length')])
    .limit(limit)
    .execute();
  let length = 0;
  let upTo: number | undefined;
  for (const row of lengths) {
    length += row.length;
    if (upTo !== undefined && length > PAGE_LENGTH) break;
    upTo = row.seq;
  }
  if (upTo === undefined) return [];
  const rows = await behind.select(['seq', 'time', 'body', 'previous_hash', 'hash']).where('seq', '<=', upTo).execute();
  return rows.map(({ seq, time, body, previous_hash, hash }) => ({
    ...{ seq, time, event: JSON.parse(body) as CampaignEvent, previousHash: previous_hash, hash },
  }));
}

/** @throws OtaError CONFLICT: another process has written behind the entry that the first of these follows */
export async function insertEntries(
  tx: Transaction<Schema>,
  { tenantId, campaignId, campaign }: JournalOf,
  entries: readonly JournalEntry[],
): Promise<void> {
  const [first] = entries;
  if (first === undefined) return;
  await lockCampaign(tx, campaignId);
  const last = await tx
    .selectFrom('campaign_entry')
    .select(['seq', 'hash'])
    .where('campaign_id', '=', campaignId)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst();
  const { seq, hash } = last ?? { seq: 0, hash: JOURNAL_GENESIS };
  if (first.seq !== seq + 1 || first.previousHash !== hash) {
    throw new OtaError('CONFLICT', `the journal of ${campaign} has ${seq} entries, entry ${first.seq} does not follow`);
  }
  for (const chunk of chunksOf(entries, 7)) {
    await tx
      .insertInto('campaign_entry')
      .values(
        chunk.map((entry) => ({
          ...{ campaign_id: campaignId, seq: entry.seq, tenant_id: tenantId, time: entry.time },
          ...{ body: JSON.stringify(entry.event), previous_hash: entry.previousHash, hash: entry.hash },
        })),
      )
      .execute();
  }
}
