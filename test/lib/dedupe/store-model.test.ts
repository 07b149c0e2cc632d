import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { copyPartition } from '../../../src/lib/dedupe/copy-partition.js';
import { openDedupeStore } from '../../../src/lib/dedupe/dedupe-store.js';
import type { DedupeStore, StoreOptions } from '../../../src/lib/dedupe/store.js';
import { RecordedFs } from '../../support/recorded-fs.js';
import { dataOf, labelOf, type Message } from '../../support/store-messages.js';
import { StoreModel } from '../../support/store-model.js';

const DIRECTORY = '/store';
/** Generations have at least 256 keys, so this window holds five or so. */
const WINDOW_KEYS = 1000;
const HIGHEST_ID = 3000;

type Step =
  | { kind: 'commit' | 'overlap' | 'kill'; messages: Message[] }
  | { kind: 'close' | 'seal' | 'snapshot' }
  | { kind: 'age'; keys: number }
  | { kind: 'rollBack'; back: number };

/** A stretch of ids that have not been seen for long or never, some of them twice, some with another payload. */
const messages: fc.Arbitrary<Message[]> = fc
  .record({
    from: fc.nat(HIGHEST_ID - 400),
    count: fc.nat(400),
    repeats: fc.array(fc.record({ id: fc.nat(HIGHEST_ID), payload: fc.nat(1) }), { maxLength: 20 }),
  })
  .map(({ from, count, repeats }) => [
    ...repeats,
    ...Array.from({ length: count }, (_, index) => ({ id: from + index, payload: 0 })),
    ...repeats.map(({ id }) => ({ id, payload: 0 })),
  ]);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constantFrom('commit', 'overlap'), messages }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('kill'), messages }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('close', 'seal', 'snapshot') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('age'), keys: fc.nat(1500) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rollBack'), back: fc.nat(6) }) },
) as fc.Arbitrary<Step>;

class Run {
  readonly disk = new RecordedFs();
  readonly model: StoreModel;
  readonly #options: Omit<StoreOptions, 'fs'>;
  store!: DedupeStore;
  #label = 0;

  constructor(options: Omit<StoreOptions, 'fs'>) {
    this.#options = options;
    this.model = new StoreModel(options.digestBytes);
  }

  async open(): Promise<void> {
    this.store = await openDedupeStore(DIRECTORY, { ...this.#options, fs: this.disk.process() });
    expect([...this.store.checkpoints()].map(labelOf)[0]).toEqual(this.model.commits.at(-1)?.label);
  }

  async take(step: Step): Promise<void> {
    if (step.kind === 'commit') {
      this.model.judge(this.store, step.messages);
      await this.#commit();
    } else if (step.kind === 'overlap') {
      const half = step.messages.length >>> 1;
      this.model.judge(this.store, step.messages.slice(0, half));
      const committed = this.#commit();
      this.model.judge(this.store, step.messages.slice(half));
      await committed;
    } else if (step.kind === 'kill') {
      this.model.judge(this.store, step.messages);
      this.disk.kill();
      this.model.backTo();
      await this.open();
    } else if (step.kind === 'close') {
      await this.store.close();
      this.model.backTo();
      await this.open();
    } else if (step.kind === 'snapshot') {
      await this.#snapshot();
    } else if (step.kind === 'seal') {
      await this.#commit();
      await this.store.seal();
    } else if (step.kind === 'age') {
      await this.#commit();
      const before = this.store.stats();
      const dropped = await this.store.age(step.keys);
      const after = this.store.stats();
      expect(after.keys).toBe(before.keys - dropped);
      if (dropped > 0) expect(after.keys).toBeGreaterThanOrEqual(step.keys);
    } else if ('back' in step) {
      const checkpoint = [...this.store.checkpoints()][step.back];
      if (checkpoint === undefined) return;
      await this.store.rollBackTo(checkpoint);
      this.model.backTo(labelOf(checkpoint));
      expect(this.store.stats().insertedKeys).toBe(checkpoint.insertedKeys);
    }
    this.model.follow(this.store);
  }

  /** Of what is committed; that more was judged meanwhile does not reach it. */
  async #snapshot(): Promise<void> {
    const expected = this.model.copy();
    expected.backTo();
    this.model.judge(this.store, [{ id: HIGHEST_ID + ++this.#label, payload: 0 }]);
    const fs = this.disk.process();
    const directory = `/snapshot${this.#label}`;
    await fs.makeDirectory(directory);
    await copyPartition(DIRECTORY, directory, { fs });
    const copy = await openDedupeStore(directory, { ...this.#options, fs });
    expected.compareAll(copy, HIGHEST_ID);
    await copy.close();
  }

  requireWindow(): void {
    const { keys, insertedKeys, agedGenerations } = this.store.stats();
    if (agedGenerations === 0) expect(keys).toBe(insertedKeys);
    expect(keys).toBeLessThanOrEqual(WINDOW_KEYS + 4 * 256 + 900);
  }

  async #commit(): Promise<void> {
    const label = ++this.#label;
    const committed = this.store.commit({ data: dataOf(label), eventTimeMs: label * 1000 });
    this.model.committed(label);
    await committed;
  }
}

describe('a store', () => {
  test.each([
    { digestBytes: 0, what: 'ids alone' },
    { digestBytes: 8, what: 'payload digests' },
  ] as const)('answers like a plain set with the same window, with $what', async ({ digestBytes }) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25, size: 'max' }), async (steps) => {
        const run = new Run({ digestBytes, window: { keys: WINDOW_KEYS }, sealing: 'inline' });
        await run.open();
        for (const next of steps) await run.take(next);
        run.requireWindow();
        run.model.compareAll(run.store, HIGHEST_ID);
        await run.store.close();
      }),
      { numRuns: 60 },
    );
  });

  test('never forgets one of the newest keys of its window unless it is told to', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 5, maxLength: 20 }), async (sizes) => {
        const run = new Run({ digestBytes: 0, window: { keys: WINDOW_KEYS }, sealing: 'inline' });
        await run.open();
        let id = 0;
        for (const size of sizes) {
          await run.take({ kind: 'commit', messages: Array.from({ length: size }, () => ({ id: id++, payload: 0 })) });
          expect(run.store.stats().keys).toBeGreaterThanOrEqual(Math.min(id, WINDOW_KEYS));
          run.requireWindow();
        }
        run.model.compareAll(run.store, id);
        await run.store.close();
      }),
      { numRuns: 10 },
    );
  });
});
