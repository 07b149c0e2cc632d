import { describe, expect, test } from 'vitest';
import { randomNumbers } from '../../../src/lib/core/random-numbers.js';
import { openDedupeStore } from '../../../src/lib/dedupe/dedupe-store.js';
import type { DedupeStore } from '../../../src/lib/dedupe/store.js';
import { type Fault, RecordedFs } from '../../support/recorded-fs.js';
import { dataOf, labelOf } from '../../support/store-messages.js';
import { StoreModel } from '../../support/store-model.js';

const DIRECTORY = '/store';
const WINDOW_KEYS = 700;
const DIGEST_BYTES = 8;
const SEED = Number(process.env.FUZZ_SEED ?? 1);

const open = (disk: RecordedFs, sealing: 'inline' | 'worker' = 'inline') =>
  openDedupeStore(DIRECTORY, {
    fs: disk.process(),
    digestBytes: DIGEST_BYTES,
    window: { keys: WINDOW_KEYS },
    sealing,
  });

/** What the store was after a step, and how many operations that took. */
interface State {
  readonly model: StoreModel;
  /** The step began and was acknowledged with so many operations recorded. */
  readonly begun: number;
  readonly done: number;
  /** What stands in between while a rollback takes one generation after the other. */
  readonly between: StoreModel[];
}

/** A life with commits, sealing, ageing and a rollback. */
class Life {
  readonly disk: RecordedFs;
  readonly states: State[];
  readonly #random: () => number;
  #label: number;

  constructor(disk: RecordedFs, seed: number, model = new StoreModel(DIGEST_BYTES)) {
    this.disk = disk;
    this.#random = randomNumbers(seed);
    this.#label = 1000 * seed;
    this.states = [{ model: model.copy(), begun: 0, done: 0, between: [] }];
  }

  get model(): StoreModel {
    return this.states.at(-1)!.model;
  }

  async live(store: DedupeStore, steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      const choice = this.#random();
      if (choice < 0.8) await this.#commit(store);
      else if (choice < 0.9) await this.#step(store, (model) => this.#rollBack(store, model));
      else if (choice < 0.95) await this.#step(store, () => store.seal());
      else await this.#step(store, () => store.age(WINDOW_KEYS));
    }
  }

  /** Over all generations that are there. */
  async rollBackFar(store: DedupeStore): Promise<void> {
    const oldest = [...store.checkpoints()].at(-1)!;
    await this.#step(store, (model) => {
      model.backTo(labelOf(oldest));
      return store.rollBackTo(oldest);
    });
  }

  async #commit(store: DedupeStore): Promise<void> {
    const count = 1 + Math.floor(this.#random() * 160);
    const from = Math.floor(this.#random() * 2500);
    const messages = Array.from({ length: count }, (_, index) => ({ id: from + index, payload: 0 }));
    const label = ++this.#label;
    await this.#step(store, (model) => {
      model.judge(store, messages);
      model.committed(label);
      return store.commit({ data: dataOf(label) });
    });
  }

  async #rollBack(store: DedupeStore, model: StoreModel): Promise<void> {
    const checkpoints = [...store.checkpoints()];
    // Mostly a little way, and now and then over sealed generations.
    const checkpoint = checkpoints[Math.floor(this.#random() ** 2 * checkpoints.length)];
    if (checkpoint === undefined) return;
    model.backTo(labelOf(checkpoint));
    await store.rollBackTo(checkpoint);
  }

  /** The state is known before the step is done: a crash in the middle may leave it. */
  async #step(store: DedupeStore, work: (model: StoreModel) => Promise<unknown>): Promise<void> {
    const model = this.model.copy();
    const begun = this.disk.operations.length;
    const before = this.model;
    const state = { model, begun, done: Number.POSITIVE_INFINITY, between: [] as StoreModel[] };
    const done = work(model);
    this.states.push(state);
    for (const { label } of before.commits.slice(model.commits.length, -1)) {
      state.between.push(before.copy());
      state.between.at(-1)!.backTo(label);
    }
    await done;
    model.follow(store);
    state.done = this.disk.operations.length;
  }

  /** The last state that was acknowledged then, and those that were under way. */
  possible(operations: number): StoreModel[] {
    const acknowledged = this.states.findLastIndex(({ done }) => done <= operations);
    return this.states
      .slice(acknowledged)
      .filter(({ begun }, index) => index === 0 || begun < operations)
      .flatMap(({ model, between }, index) => (index === 0 ? model : [model, ...between]));
  }
}

/** Opens what a crash left; exactly one of the states that could be there must be. */
async function opened(disk: RecordedFs, possible: readonly StoreModel[]): Promise<[DedupeStore, StoreModel]> {
  const store = await open(disk);
  const [newest] = store.checkpoints();
  const label = newest && labelOf(newest);
  const found = possible.find(({ commits }) => commits.at(-1)?.label === label);
  expect(possible.map(({ commits }) => commits.at(-1)?.label)).toContain(label);
  const model = found!.copy();
  const mayForget = Math.max(model.inserted.length - WINDOW_KEYS, ...possible.map(({ forgotten }) => forgotten));
  model.forgotten = 0;
  model.follow(store);
  expect(model.forgotten).toBeLessThanOrEqual(mayForget);
  expect(store.stats().damage).toEqual([]);
  return [store, model];
}

async function wholeLife(sealing: 'inline' | 'worker' = 'inline'): Promise<Life> {
  const disk = new RecordedFs();
  const life = new Life(disk, SEED);
  const store = await open(disk, sealing);
  while (life.states.length < 40 || store.stats().agedGenerations < 3) await life.live(store, 1);
  await store.close();
  return life;
}

describe('after a crash', () => {
  test.each(['inline', 'worker'] as const)(
    'before any operation, whatever part of the unsynced writes survives, all that was acknowledged is there (sealing: %s)',
    async (sealing) => {
      const life = await wholeLife(sealing);
      const random = randomNumbers(SEED);
      for (let cut = 0; cut <= life.disk.operations.length; cut++) {
        for (let way = 0; way < 2; way++) {
          const [store, model] = await opened(life.disk.afterPowerCut(cut, random), life.possible(cut));
          if (way === 0) model.compareAll(store, 2700);
          await store.close();
        }
      }
    },
  );

  test('in the middle of a rollback over several generations, the store is as it was at some time in between', async () => {
    const disk = new RecordedFs();
    const life = new Life(disk, SEED);
    const store = await open(disk);
    while (store.stats().generations < 5) await life.live(store, 1);
    const begun = disk.operations.length;
    await life.rollBackFar(store);
    const random = randomNumbers(SEED + 5);
    for (let cut = begun; cut <= disk.operations.length; cut++) {
      for (let way = 0; way < 12; way++) {
        const [left, model] = await opened(disk.afterPowerCut(cut, random), life.possible(cut));
        if (way === 0) model.compareAll(left, 2700);
        await left.close();
      }
    }
  });

  test('it goes on, and crashes again, also while it recovers', async () => {
    const life = await wholeLife();
    const random = randomNumbers(SEED + 1);
    for (let round = 0; round < 120; round++) {
      const cut = Math.floor(random() * life.disk.operations.length);
      const disk = life.disk.afterPowerCut(cut, random);
      const [store, model] = await opened(disk, life.possible(cut));
      const next = new Life(disk, SEED + 2 + round, model);
      await next.live(store, 6);
      const again = Math.floor(random() * disk.operations.length);
      const [last, lastModel] = await opened(disk.afterPowerCut(again, random), next.possible(again));
      if (round % 10 === 0) lastModel.compareAll(last, 2700);
      await last.close();
    }
  });

  test('of the process, what was only in the cache counts once the store is open again, also for a power cut', async () => {
    const whole = await wholeLife();
    const random = randomNumbers(SEED + 3);
    for (let round = 0; round < 40; round++) {
      const disk = new RecordedFs();
      const life = new Life(disk, SEED);
      const killed = Math.floor(random() * whole.disk.operations.length);
      disk.killAt(killed);
      await expect(open(disk).then((store) => life.live(store, Number.POSITIVE_INFINITY))).rejects.toThrow('killed');
      const possible = life.possible(killed);
      const [store, model] = await opened(disk, possible);
      const recovered = disk.operations.length;
      const next = new Life(disk, SEED + 50 + round, model);
      await next.live(store, 4);
      const cut = killed + Math.floor(random() * (disk.operations.length - killed + 1));
      await opened(disk.afterPowerCut(cut, random), cut < recovered ? possible : next.possible(cut));
    }
  });
});

describe.each(['NO_SPACE', 'IO_FAILED'] as const)('a disk that answers %s', (code) => {
  /** The life until this operation fails, once or for good. */
  async function fail(at: number, fault: Fault, forGood: boolean): Promise<Life> {
    const disk = new RecordedFs();
    const life = new Life(disk, SEED);
    let hasFailed = false;
    disk.fault = ({ kind, index }) => {
      if (kind === 'read' || index < at || (hasFailed && !forGood)) return undefined;
      hasFailed = true;
      return fault;
    };
    let store: DedupeStore | undefined;
    const lived = open(disk).then((it) => {
      store = it;
      return life.live(it, Number.POSITIVE_INFINITY);
    });
    await expect(lived).rejects.toMatchObject({ code });
    if (store !== undefined) {
      await expect(store.commit({ data: dataOf(-1) })).rejects.toMatchObject({ code });
      expect(() => store!.seenOrInsert({ count: 0, keys: new Uint32Array(), digests: new Uint32Array() })).toThrow();
      await store.close();
    }
    disk.fault = () => undefined;
    return life;
  }

  test.each([false, true])('stops the store, and nothing acknowledged is lost (for good: %s)', async (forGood) => {
    const { length } = (await wholeLife()).disk.operations;
    const random = randomNumbers(SEED + 4);
    for (let at = 0; at < length; at += 1 + Math.floor(random() * 6)) {
      const keptBytes = random() < 0.5 ? Math.floor(random() * 3000) : undefined;
      const life = await fail(at, { code, ...(keptBytes !== undefined && { keptBytes }) }, forGood);
      life.disk.kill();
      const { operations } = life.disk;
      const [store, model] = await opened(life.disk, life.possible(operations.length));
      const next = new Life(life.disk, SEED + 70, model);
      await next.live(store, 2);
      await store.close();
      await opened(life.disk.afterPowerCut(operations.length, random), [next.model]);
    }
  });
});
