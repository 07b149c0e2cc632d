import { createReadStream } from 'node:fs';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { openDurableFs } from '../../../src/lib/core/node-durable-fs.js';
import { fileSink } from '../../../src/lib/telemetry/file-sink.js';
import { openFileSource } from '../../../src/lib/telemetry/file-source.js';
import type { Sink } from '../../../src/lib/telemetry/sink.js';
import { stdinSource } from '../../../src/lib/telemetry/stdin-source.js';
import { type TestFolder, testFolder } from '../../support/folder.js';
import { RecordedFs } from '../../support/recorded-fs.js';
import { idsOf, makeFolders, OUTPUT, runOn } from './pipeline-fixture.js';

const line = (id: number) => `{"messageId":"m${id}","pad":"${'x'.repeat(200)}"}\n`;

async function replay(folder: TestFolder, { endsEarly = false } = {}) {
  const ended = new AbortController();
  const source = await openFileSource(folder.file('in.ndjson'));
  try {
    return await runOn(openDurableFs(), {
      sources: [{ ...source, committed: async () => (endsEarly ? ended.abort() : undefined) }],
      sink: fileSink(openDurableFs(), folder.file('out.ndjson')),
      store: { sealing: 'worker', window: { keys: 100_000 } },
      directory: folder.file('store'),
      threads: 2,
      batchBytes: 500_000,
      signal: ended.signal,
      onEvent: () => {},
    });
  } finally {
    await source.close();
  }
}

test('a large file comes out in order, decoded by several threads, and goes on where it was interrupted', async () => {
  await using folder = await testFolder();
  const ids = Array.from({ length: 40_000 }, (_, at) => (at % 10 === 9 ? Math.floor(at / 2) : at));
  const expected = [...new Set(ids)].map(line).join('');
  await writeFile(folder.file('in.ndjson'), ids.map(line).join(''));
  const first = await replay(folder, { endsEarly: true });
  expect(first).toMatchObject({ isInterrupted: true });
  const second = await replay(folder);
  expect(first.counts.lines + second.counts.lines).toBe(ids.length);
  expect((await readFile(folder.file('out.ndjson'), 'utf8')) === expected).toBe(true);
  await appendFile(folder.file('in.ndjson'), line(7) + line(1_000_000));
  const third = await replay(folder);
  expect(third.counts).toMatchObject({ lines: 2, written: 1, duplicates: 1 });
});

test('with a window of a few hundred ids, what is in flight is a small part of it', async () => {
  await using folder = await testFolder();
  const path = folder.file('in.ndjson');
  const ids = Array.from({ length: 1500 }, (_, id) => `m${id}`);
  await writeFile(path, ids.map((id) => `{"messageId":"${id}"}\n`).join(''));
  for (const open of [() => openFileSource(path), async () => stdinSource(createReadStream(path))]) {
    const disk = new RecordedFs();
    await makeFolders(disk.process());
    const source = await open();
    const sink = fileSink(disk.process(), OUTPUT);
    const written: number[] = [];
    const counting: Sink = {
      id: sink.id,
      guarantee: 'at-least-once',
      write: (accepted, input, signal) => {
        written.push(accepted.count);
        return sink.write(accepted, input, signal);
      },
      close: () => sink.close(),
    };
    await runOn(disk.process(), { sources: [source], sink: counting, store: { window: { keys: 300 } } });
    await source.close();
    expect(idsOf(disk.files().get(OUTPUT))).toEqual(ids);
    // Two batches may have to be learnt from the output, and must then still be known.
    expect(Math.max(...written)).toBeLessThanOrEqual(150);
  }
});
