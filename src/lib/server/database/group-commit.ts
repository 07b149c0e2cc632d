import { setImmediate } from 'node:timers/promises';
import { type Kysely, sql, type Transaction } from 'kysely';
import type { Schema } from './schema.js';

/** Longest time that works may share a transaction, milliseconds: reads wait for its end. */
const MAX_BATCH_MS = 20;
const MAX_BATCH_WORKS = 256;

interface Work {
  run(tx: Transaction<Schema>): Promise<unknown>;
  resolve(value: never): void;
  reject(error: unknown): void;
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

/**
 * Lets works that come at the same time share one commit, and so one sync of the disk, which takes longer than most
 * of them. Each is a savepoint: one that fails undoes what it did and nothing else. Works run one after the other, in the
 * order they came, and resolve when the commit that holds them is durable.
 */
export class GroupCommit {
  readonly #database: Kysely<Schema>;
  readonly #maxBatchMs: number;
  readonly #waiting: Work[] = [];
  #isRunning = false;

  constructor(database: Kysely<Schema>, { maxBatchMs = MAX_BATCH_MS } = {}) {
    this.#database = database;
    this.#maxBatchMs = maxBatchMs;
  }

  transaction<T>(run: (tx: Transaction<Schema>) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ run, resolve, reject });
      if (!this.#isRunning) void this.#runAll();
    });
  }

  async #runAll(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      await setImmediate(); // what arrives with the same look at the network comes along, and reads have their turn
      await this.#runBatch();
    }
    this.#isRunning = false;
  }

  async #runBatch(): Promise<void> {
    const works: Work[] = [];
    const outcomes: Outcome[] = [];
    try {
      await this.#database.transaction().execute(async (tx) => {
        const end = performance.now() + this.#maxBatchMs;
        do {
          const work = this.#waiting.shift()!;
          works.push(work);
          outcomes.push(await runOne(tx, work));
        } while (this.#waiting.length > 0 && works.length < MAX_BATCH_WORKS && performance.now() < end);
      });
    } catch (error) {
      // The commit failed, or the database has undone all of it by itself: a full disk. Without any, it did not begin.
      for (const work of works.length > 0 ? works : this.#waiting.splice(0)) work.reject(error);
      // One that was left open keeps all others from beginning.
      if (works.length === 0) await sql`rollback`.execute(this.#database).catch(() => undefined);
      return;
    }
    for (const [index, work] of works.entries()) {
      const outcome = outcomes[index]!;
      if ('error' in outcome) work.reject(outcome.error);
      else work.resolve(outcome.value as never);
    }
  }
}

async function runOne(tx: Transaction<Schema>, work: Work): Promise<Outcome> {
  await sql`savepoint work`.execute(tx);
  try {
    const value = await work.run(tx);
    await sql`release work`.execute(tx);
    return { value };
  } catch (error) {
    try {
      await sql`rollback to work`.execute(tx);
      await sql`release work`.execute(tx);
    } catch {
      throw error; // there is no savepoint any more: a full disk has undone the whole transaction
    }
    return { error };
  }
}
