import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCommitted } from '../../scripts/services/kafka.mjs';
import { runCli } from '../support/cli.js';
import { testFolder } from '../support/folder.js';
import { type TestBroker, testBroker } from '../support/kafka.js';

let broker: TestBroker;

beforeAll(async () => {
  broker = await testBroker();
});

afterAll(() => broker[Symbol.asyncDispose]());

function line(id: number): string {
  return JSON.stringify({ messageId: `m-${id}`, deviceId: 'd', timestamp: id, type: 'trip' });
}

test('`fleet replay` brings a file through one topic to another, each message once', async () => {
  await using folder = await testFolder();
  const [first, second] = [await broker.topic('first', 2), await broker.topic('second', 2)];
  const ids = Array.from({ length: 1500 }, (_, id) => id);
  await writeFile(
    folder.file('in.ndjson'),
    [...ids, ...ids, 'no message'].map((id) => (typeof id === 'number' ? line(id) : id)).join('\n'),
  );
  const replay = (args: string[]) => runCli('fleet', ['replay', ...args, '--json'], { cwd: folder.path });
  const topic = (name: string) => `kafka://${broker.address}/${name}`;
  const last = (stdout: string) => JSON.parse(stdout.trimEnd().split('\n').at(-1)!);

  const filled = await replay(['in.ndjson', '--to', topic(first), '--store', 'store']);
  expect(filled).toMatchObject({ status: 0 });
  expect(last(filled.stdout)).toMatchObject({
    guarantee: 'exactly-once',
    counts: { written: 1500, duplicates: 1500, rejects: 1 },
  });
  const again = await replay(['in.ndjson', '--to', topic(first), '--store', 'store', '--no-from-checkpoint']);
  expect(last(again.stdout)).toMatchObject({ counts: { written: 0, duplicates: 3000 } });

  const between = [topic(first), '--to', topic(second), '--store', 'workers', '--until-idle', '2s'];
  const shared = await replay(between);
  expect(shared).toMatchObject({ status: 0 });
  expect(last(shared.stdout)).toMatchObject({ isInterrupted: false, counts: { written: 1500, duplicates: 0 } });
  expect(last((await replay(between)).stdout)).toMatchObject({ counts: { lines: 0 } });
  const back = await replay([topic(second), '--to', 'out.ndjson', '--store', 'back', '--until-idle', '2s']);
  expect(last(back.stdout)).toMatchObject({ counts: { written: 1500 } });

  const came = await readCommitted(broker.address, second);
  expect(came.map(({ value }) => value).sort()).toEqual(ids.map(line).sort());
  const refused = await replay([...between, '--no-from-checkpoint']);
  expect(refused).toMatchObject({ status: 2 });
});
