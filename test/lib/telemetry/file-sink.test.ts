import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { takeLock } from '../../../src/lib/core/lock.js';
import { openDurableFs } from '../../../src/lib/core/node-durable-fs.js';
import type { JsonObject } from '../../../src/lib/core/strict-json.js';
import { fileSink } from '../../../src/lib/telemetry/file-sink.js';
import type { RecoverableSink } from '../../../src/lib/telemetry/sink.js';
import { testFolder } from '../../support/folder.js';
import { RecordedFs } from '../../support/recorded-fs.js';

const never = new AbortController().signal;
const PATH = '/out.ndjson';

async function sinkOn(
  content: string | undefined,
): Promise<{ disk: RecordedFs; sink: RecoverableSink; text: () => string }> {
  const disk = new RecordedFs();
  const fs = disk.process();
  if (content !== undefined) {
    const file = await fs.open(PATH, 'append');
    await file.append([Buffer.from(content)]);
    await file.sync();
    await fs.syncDirectory('/');
  }
  return { disk, sink: fileSink(fs, PATH), text: () => Buffer.from(disk.files().get(PATH)!).toString() };
}

function messages(...lines: string[]) {
  return {
    count: lines.length,
    runs: [Buffer.from(lines.map((line) => `${line}\n`).join(''))],
    messages: function* () {},
  };
}

async function write(sink: RecoverableSink, ...lines: string[]): Promise<JsonObject> {
  return (await sink.write(messages(...lines), { source: 'test' }, never))!;
}

async function tailOf(sink: RecoverableSink, from?: JsonObject): Promise<string> {
  let text = '';
  for await (const { bytes } of sink.tail(from, never)) text += Buffer.from(bytes).toString();
  return text;
}

test('what was written is on the disk after any power cut', async () => {
  const { disk, sink } = await sinkOn(undefined);
  await write(sink, 'one', 'two');
  for (let seed = 0; seed < 20; seed++) {
    const left = disk.afterPowerCut(disk.operations.length, () => (seed * 0.05) % 1);
    expect(Buffer.from(left.files().get(PATH)!).toString()).toBe('one\ntwo\n');
  }
});

test('asking changes nothing, not even where half a message stands at the end', async () => {
  for (const content of [undefined, '', 'half', 'one\nhalf']) {
    const { disk, sink } = await sinkOn(content);
    const operations = disk.operations.length;
    expect(await sink.isEmpty()).toBe(content === undefined || content === '');
    expect(await tailOf(sink)).toBe(content === 'one\nhalf' ? 'one\n' : '');
    await sink.newest(1);
    expect(disk.operations.length).toBe(operations);
  }
});

test('its end is behind the last whole line, and half a message is cut off', async () => {
  const { sink, text } = await sinkOn('one\ntwo\n{"messageId":"thr');
  expect(await sink.end()).toMatchObject({ bytes: 8 });
  expect(text()).toBe('one\ntwo\n');
});

test('a message at its end that lacks just its line feed gets one', async () => {
  for (const rest of ['', 'x\n']) {
    const { sink, text } = await sinkOn(`${rest}{"messageId":"a"}`);
    expect(await sink.end()).toMatchObject({ bytes: rest.length + 18 });
    expect(text()).toBe(`${rest}{"messageId":"a"}\n`);
  }
});

test('half a message longer than a block is cut off, too', async () => {
  const { sink, text } = await sinkOn(`one\n${'x'.repeat(3_000_000)}`);
  expect(await sink.end()).toMatchObject({ bytes: 4 });
  expect(text()).toBe('one\n');
});

describe('a position', () => {
  test('is reached as long as nothing before it changed', async () => {
    const { sink, disk } = await sinkOn(undefined);
    const first = await write(sink, 'one');
    const second = await write(sink, 'two');
    expect(await sink.reaches(first)).toBe(true);
    expect(await sink.reaches(second)).toBe(true);
    disk.damage(PATH, (bytes) => bytes.subarray(0, 6));
    expect(await sink.reaches(first)).toBe(true);
    expect(await sink.reaches(second)).toBe(false);
    disk.damage(PATH, () => Buffer.from('ONE\ntwo\n'));
    expect(await sink.reaches(first)).toBe(false);
    expect(await sink.reaches(second)).toBe(false);
  });

  test('at the start is reached by a file that is not there', async () => {
    const { sink } = await sinkOn('');
    const start = await sink.end();
    const { sink: other } = await sinkOn(undefined);
    expect(await other.reaches(start)).toBe(true);
  });

  test('is refused when it is not of a file', async () => {
    const { sink } = await sinkOn('one\n');
    await expect(sink.reaches({ offsets: [1] })).rejects.toMatchObject({ code: 'CHECKPOINT_MISMATCH' });
  });
});

test('it begins as before however much was cut off, unless another file stands there', async () => {
  const { sink, disk } = await sinkOn(undefined);
  await write(sink, 'one');
  const position = await write(sink, 'two');
  expect(await sink.beginsAs!(position)).toBe(true);
  disk.damage(PATH, (bytes) => bytes.subarray(0, 5));
  expect(await sink.beginsAs!(position)).toBe(true);
  for (const other of ['', 'on', 'One\ntwo\n']) {
    disk.damage(PATH, () => Buffer.from(other));
    expect(await sink.beginsAs!(position)).toBe(false);
  }
});

test('a folder that is missing is named, rather than the lock that would lie in it', async () => {
  await using folder = await testFolder();
  const sink = fileSink(openDurableFs(), folder.file('nowhere/out.ndjson'), { takeLock });
  await expect(write(sink, 'first')).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: `${folder.file('nowhere')}: no such folder`,
  });
  expect(await folder.state()).toEqual({});
});

test('two processes that lock do not write to one file at the same time', async () => {
  await using folder = await testFolder();
  const path = folder.file('out.ndjson');
  const [first, second] = [
    fileSink(openDurableFs(), path, { takeLock }),
    fileSink(openDurableFs(), path, { takeLock }),
  ];
  await write(first, 'one');
  await expect(write(second, 'two')).rejects.toMatchObject({ code: 'LOCKED' });
  await first.close();
  await write(second, 'two');
  await second.close();
  expect(Object.keys(await folder.state())).toEqual([path]);
  expect(await readFile(path, 'utf8')).toBe('one\ntwo\n');
});

test('the tail begins behind a position, and each of its positions is one of the file', async () => {
  const { sink } = await sinkOn(undefined);
  const first = await write(sink, 'one');
  await write(sink, 'two', 'three');
  expect(await tailOf(sink, first)).toBe('two\nthree\n');
  for await (const { position } of sink.tail(first, never)) expect(await sink.reaches(position!)).toBe(true);
});

test('the newest messages are found from the end', async () => {
  const lines = Array.from({ length: 200_000 }, (_, line) => `{"line":${line}}`);
  const { sink } = await sinkOn(`${lines.join('\n')}\nhalf`);
  for (const count of [1, 2, 1000, 199_999]) {
    expect(await tailOf(sink, await sink.newest(count))).toBe(`${lines.slice(-count).join('\n')}\n`);
  }
  expect(await sink.newest(200_000)).toBeUndefined();
  expect(await sink.newest(200_001)).toBeUndefined();
});

test('what lies behind a place in the tail is cut off', async () => {
  const { sink, text } = await sinkOn(undefined);
  const first = await write(sink, 'one');
  await write(sink, 'two', 'three');
  await sink.cutBack!(first, 4);
  expect(text()).toBe('one\ntwo\n');
  await write(sink, 'four');
  expect(text()).toBe('one\ntwo\nfour\n');
});

test('after a failure it takes no more', async () => {
  const { sink, disk, text } = await sinkOn('one\n');
  await sink.end();
  disk.fault = ({ kind }) => (kind === 'append' ? { code: 'NO_SPACE', keptBytes: 2 } : undefined);
  await expect(write(sink, 'two')).rejects.toMatchObject({ code: 'NO_SPACE' });
  disk.fault = () => undefined;
  await expect(write(sink, 'three')).rejects.toMatchObject({ code: 'NO_SPACE' });
  expect(text()).toBe('one\ntw');
});
