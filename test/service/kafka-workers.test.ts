import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCommitted } from '../../scripts/services/kafka.mjs';
import { EXIT_STATUS } from '../../src/lib/core/errors.js';
import { connectKafka } from '../../src/lib/telemetry/kafka-cluster.js';
import { groupOffsets, listOffsets } from '../../src/lib/telemetry/kafka-offsets.js';
import { testFolder } from '../support/folder.js';
import { type TestBroker, testBroker } from '../support/kafka.js';
import { bundleScript, type RunningScript, type Script } from '../support/scripts.js';

const PARTITIONS = 3;

let broker: TestBroker;
let script: Script;

beforeAll(async () => {
  [broker, script] = await Promise.all([testBroker(), bundleScript('kafka-worker')]);
});

afterAll(async () => {
  await script[Symbol.asyncDispose]();
  await broker[Symbol.asyncDispose]();
});

interface TestRecord {
  readonly key: string;
  readonly value: string;
}

function messages(from: number, count: number): TestRecord[] {
  return Array.from({ length: count }, (_, index) => {
    const key = `vehicle-${from + index}`;
    return { key, value: JSON.stringify({ messageId: key, deviceId: 'd', timestamp: from + index, type: 'trip' }) };
  });
}

/** A pair of topics, a group, and members of it with a store of their own each. */
async function testGroup() {
  const folder = await testFolder();
  const input = await broker.topic('input', PARTITIONS);
  const output = await broker.topic('output', PARTITIONS);
  const group = `group-of-${input}`;
  const running = new Set<RunningScript>();
  let failure: Error | undefined;
  const pause = async () => {
    if (failure !== undefined) throw failure;
    await delay(50);
  };
  const cluster = await connectKafka({ brokers: [broker.address], clientId: 'test' });
  const numbers = Array.from({ length: PARTITIONS }, (_, number) => number);
  const readable = async () =>
    [...(await listOffsets(cluster, output, numbers, 'end')).values()].reduce((sum, each) => sum + each, 0n);
  return {
    input,
    output,
    start(store: string): RunningScript {
      const member = script.start([broker.address, input, output, group, folder.file(store)]);
      running.add(member);
      void member.ended.then(({ status, signal, stderr }) => {
        running.delete(member);
        if (status !== 0 && status !== EXIT_STATUS.NETWORK_FAILED && signal !== 'SIGKILL')
          failure = new Error(`a member ended by itself: ${stderr}`);
      });
      return member;
    },
    /** Resolves once the group has committed everything that the input holds. */
    async caughtUp(): Promise<void> {
      const ends = await listOffsets(cluster, input, numbers, 'end');
      while (true) {
        const offsets = await groupOffsets(cluster, group, input, numbers);
        if (numbers.every((number) => (offsets.get(number) ?? 0n) >= ends.get(number)!)) return;
        await pause();
      }
    },
    /** Resolves once more came out than before. */
    async progress(): Promise<void> {
      const before = await readable();
      while ((await readable()) <= before) await pause();
    },
    /** Each id as often as readers of committed messages see it. */
    async written(): Promise<Map<string, number>> {
      const counts = new Map<string, number>();
      for (const { key } of await readCommitted(broker.address, output)) counts.set(key, (counts.get(key) ?? 0) + 1);
      return counts;
    },
    async [Symbol.asyncDispose]() {
      for (const { process } of running) process.kill('SIGKILL');
      await Promise.all([...running].map(({ ended }) => ended));
      await cluster[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function once(from: number, count: number): Map<string, number> {
  return new Map(messages(from, count).map(({ key }) => [key, 1]));
}

async function stopped(member: RunningScript): Promise<Record<string, number>> {
  member.process.kill('SIGTERM');
  const { status, stdout, stderr } = await member.ended;
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
}

/** Starts a member again whenever it ends, as a service manager would: also after a start without any broker. */
function keptRunning(start: () => RunningScript) {
  let member = start();
  let isStopping = false;
  const again = async () => {
    await member.ended;
    if (isStopping) return;
    member = start();
    void again();
  };
  void again();
  return {
    async kill() {
      member.process.kill('SIGKILL');
      await member.ended;
    },
    async stop() {
      isStopping = true;
      await stopped(member);
    },
  };
}

/** Numbers that look random and are the same in each run. */
function sequence(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test('members share the partitions, and each message comes out once', async () => {
  await using group = await testGroup();
  const first = group.start('a');
  await broker.produce(group.input, messages(0, 3000));
  await group.caughtUp();
  const second = group.start('b');
  await second.seen('started');
  await broker.produce(group.input, messages(1000, 4000));
  await group.caughtUp();
  const [one, two] = [await stopped(first), await stopped(second)];
  expect(one.written! + two.written!).toBe(5000);
  expect(one.duplicates! + two.duplicates!).toBe(2000);
  expect(two.lines).toBeGreaterThan(0);
  expect(await group.written()).toEqual(once(0, 5000));
});

test('a member without a store builds it from the output, one with an old store catches up', async () => {
  await using group = await testGroup();
  const first = group.start('a');
  await broker.produce(group.input, messages(0, 2000));
  await group.caughtUp();
  await stopped(first);
  const second = group.start('b');
  await broker.produce(group.input, messages(1000, 2000));
  await group.caughtUp();
  expect(second.stdout()).toMatch(/"tailMessages":[1-9]/);
  expect(await stopped(second)).toMatchObject({ written: 1000, duplicates: 1000 });
  const third = group.start('a');
  await broker.produce(group.input, messages(2000, 2000));
  await group.caughtUp();
  expect(await stopped(third)).toMatchObject({ written: 1000, duplicates: 1000 });
  expect(await group.written()).toEqual(once(0, 4000));
});

test('a member that stood still while others took over writes nothing when it wakes', async () => {
  await using group = await testGroup();
  const sleeper = group.start('a');
  await broker.produce(group.input, messages(0, 2000));
  await group.caughtUp();
  sleeper.process.kill('SIGSTOP');
  await broker.produce(group.input, messages(1000, 2000));
  const heir = group.start('b');
  await group.caughtUp();
  sleeper.process.kill('SIGCONT');
  await broker.produce(group.input, messages(2000, 2000));
  await group.caughtUp();
  await stopped(heir);
  await stopped(sleeper);
  expect(await group.written()).toEqual(once(0, 4000));
});

test('whatever is killed, nothing is lost and nothing comes out twice', async () => {
  await using group = await testGroup();
  const random = sequence(20_261_122);
  const members = ['a', 'b'].map((store) => keptRunning(() => group.start(store)));
  let produced = 0;
  let isOver = false;
  const producing = (async () => {
    for (; !isOver; produced += 250) {
      // Every message a second time, up to 500 messages later.
      await broker.produce(group.input, [...messages(produced, 250), ...messages(Math.max(0, produced - 250), 250)]);
      await delay(20);
    }
  })();
  for (const target of [0, 1, 'broker', 0, 0, 1, 'broker', 1]) {
    await group.progress();
    await delay(random(400));
    const victim = members[typeof target === 'number' ? target : random(2)]!;
    await Promise.all([victim.kill(), target === 'broker' ? broker.crash() : undefined]);
  }
  await group.progress();
  isOver = true;
  await producing;
  await group.caughtUp();
  for (const member of members) await member.stop();
  expect(await group.written()).toEqual(once(0, produced));
});
