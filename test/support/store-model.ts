import { expect } from 'vitest';
import { type DedupeStore, VERDICT } from '../../src/lib/dedupe/store.js';
import { batchOf, keyOf, labelOf, type Message } from './store-messages.js';

/** What a store with a window has to answer, told from all that was ever inserted. */
export class StoreModel {
  /** In the order of insertion, the forgotten ones included. */
  inserted: Message[] = [];
  /** How many of them stood at each commit; the first is the empty store. */
  commits: { label: number; inserted: number }[] = [];
  /** So many of the oldest are forgotten. */
  forgotten = 0;
  readonly digestBytes: 0 | 8;

  constructor(digestBytes: 0 | 8) {
    this.digestBytes = digestBytes;
  }

  copy(): StoreModel {
    const copy = new StoreModel(this.digestBytes);
    copy.inserted = [...this.inserted];
    copy.commits = [...this.commits];
    copy.forgotten = this.forgotten;
    return copy;
  }

  /** Has the store judge a batch, and compares. */
  judge(store: DedupeStore, messages: readonly Message[]): void {
    this.follow(store);
    const verdicts = store.seenOrInsert(batchOf(messages, this.digestBytes));
    const remembered = new Map(this.#remembered().map(({ id, payload }) => [id, payload]));
    const expected = messages.map((message) => this.#judged(message, remembered));
    expect(Array.from(verdicts.subarray(0, messages.length))).toEqual(expected);
  }

  committed(label: number): void {
    this.commits.push({ label, inserted: this.inserted.length });
  }

  /** Everything after the newest commit, or after the one with this label, is gone. */
  backTo(label: number | undefined = this.commits.at(-1)?.label): void {
    const index = this.commits.findLastIndex((commit) => commit.label === label);
    this.commits.length = index + 1;
    this.inserted.length = this.commits.at(-1)?.inserted ?? 0;
  }

  /** Ageing takes the oldest, and never brings one back. */
  follow(store: DedupeStore): void {
    const { keys, insertedKeys } = store.stats();
    expect(insertedKeys).toBe(this.inserted.length);
    expect(insertedKeys - keys).toBeGreaterThanOrEqual(Math.min(this.forgotten, insertedKeys));
    this.forgotten = insertedKeys - keys;
  }

  /** Looks every id up that could be known, without inserting. */
  compareAll(store: DedupeStore, highestId: number): void {
    this.follow(store);
    const remembered = new Set(this.#remembered().map(({ id }) => id));
    const ids = Array.from({ length: highestId + 1 }, (_, id) => id);
    const found = ids.filter((id) => store.find(keyOf(id)) !== undefined);
    expect(found).toEqual(ids.filter((id) => remembered.has(id)));
    expect([...store.checkpoints()].map(labelOf)[0]).toEqual(this.commits.at(-1)?.label);
  }

  #remembered(): Message[] {
    return this.inserted.slice(this.forgotten);
  }

  #judged(message: Message, remembered: Map<number, number>): number {
    const payload = remembered.get(message.id);
    if (payload === undefined) {
      remembered.set(message.id, message.payload);
      this.inserted.push(message);
      return VERDICT.new;
    }
    return this.digestBytes > 0 && payload !== message.payload ? VERDICT.conflict : VERDICT.duplicate;
  }
}
