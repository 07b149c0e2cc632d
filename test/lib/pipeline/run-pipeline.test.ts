import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import type { JsonObject } from '../../../src/lib/core/strict-json.js';
import type { PipelineEvent } from '../../../src/lib/pipeline/events.js';
import { fileSink } from '../../../src/lib/telemetry/file-sink.js';
import type { LineChunk } from '../../../src/lib/telemetry/line-chunk.js';
import type { LineStage } from '../../../src/lib/telemetry/line-stage.js';
import type { Sink } from '../../../src/lib/telemetry/sink.js';
import type { Source } from '../../../src/lib/telemetry/source.js';
import { RecordedFs } from '../../support/recorded-fs.js';
import { DEAD_LETTERS, idsOf, linesSource, makeFolders, OUTPUT, runOn } from './pipeline-fixture.js';

async function newDisk(): Promise<RecordedFs> {
  const disk = new RecordedFs();
  await makeFolders(disk.process());
  return disk;
}

const message = (id: number, value = id) => `{"messageId":"m${id}","value":${value}}`;
const messages = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => message(from + index));
const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `m${from + index}`);
const textOf = (disk: RecordedFs, path: string) => Buffer.from(disk.files().get(path) ?? []).toString();
const lettersOf = (disk: RecordedFs) =>
  textOf(disk, DEAD_LETTERS)
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));

describe('a run', () => {
  test('counts what it did', async () => {
    const disk = await newDisk();
    const lines = [message(1), 'no message', message(2), message(1), '', '{"value":3}', message(1, 2)];
    const summary = await runOn(disk.process(), {
      sources: [linesSource(lines, { chunkLines: [3] })],
      store: { digestBytes: 8 },
      decode: { missingId: 'derive' },
    });
    expect(summary).toMatchObject({
      counts: { lines: 6, written: 3, duplicates: 1, conflicts: 1, rejects: 1, derivedIds: 1 },
      window: { keys: 3, isFull: false },
      isInterrupted: false,
    });
    expect(summary.counts.inputBytes).toBe(lines.join('\n').length + 1);
    expect(summary.counts.outputBytes).toBe(textOf(disk, OUTPUT).length);
  });

  test('passes messages on as the bytes that they came as', async () => {
    const disk = await newDisk();
    const lines = [' { "messageId" : "a\\u0062" }\t', '{"messageId":"ä","x":1e400}\r'];
    await runOn(disk.process(), { sources: [linesSource(lines)] });
    expect(textOf(disk, OUTPUT)).toBe(lines.map((line) => `${line}\n`).join(''));
  });

  test('buries what is no message, and conflicts, with line and cause', async () => {
    const disk = await newDisk();
    const lines = [message(1), 'no message', '', message(1, 2), message(2), message(2, 3)];
    const sources = [linesSource(lines, { id: 'in', chunkLines: [4] })];
    await runOn(disk.process(), { sources, store: { digestBytes: 8 }, hasDeadLetters: true });
    expect(lettersOf(disk)).toMatchObject([
      { source: 'in', line: 2, text: 'no message' },
      { source: 'in', line: 4, cause: 'conflict', text: message(1, 2) },
      { source: 'in', line: 6, cause: 'conflict', text: message(2, 3) },
    ]);
    expect(idsOf(disk.files().get(OUTPUT))).toEqual(['m1', 'm2']);
  });

  test('keeps what another store wrote to the same dead-letter file meanwhile', async () => {
    const disk = await newDisk();
    const run = (id: string, lines: string[]) =>
      runOn(disk.process(), {
        sources: [linesSource(lines, { id })],
        directory: `/data/store-${id}`,
        sink: fileSink(disk.process(), `/data/${id}.ndjson`),
        hasDeadLetters: true,
      });
    await run('a', ['bad 1']);
    await run('b', ['bad 2']);
    await run('a', ['bad 1', 'bad 3']);
    expect(lettersOf(disk)).toMatchObject([{ text: 'bad 1' }, { text: 'bad 2' }, { text: 'bad 3' }]);
  });

  test('takes back the letters of a batch that was killed before its commit', async () => {
    const lines = [message(1), 'bad 1', message(2), 'bad 2', message(3)];
    for (let operations = 1; ; operations++) {
      const disk = await newDisk();
      const options = { sources: [linesSource(lines, { chunkLines: [2] })], batchBytes: 1, hasDeadLetters: true };
      disk.killAt(disk.operations.length + operations);
      const wasKilled = await runOn(disk.process(), options).then(
        () => false,
        () => true,
      );
      if (!wasKilled) break;
      disk.kill();
      await runOn(disk.process(), options);
      expect(lettersOf(disk)).toMatchObject([{ text: 'bad 1' }, { text: 'bad 2' }]);
    }
  });

  test('leaves a dead-letter file alone that its checkpoint does not name', async () => {
    const disk = await newDisk();
    const fs = disk.process();
    await runOn(fs, { sources: [linesSource(messages(0, 5))] });
    const file = await fs.open(DEAD_LETTERS, 'append');
    await file.append([Buffer.from('{"of":"somebody else"}\n')]);
    await runOn(fs, { sources: [linesSource([...messages(0, 5), 'no message'])], hasDeadLetters: true });
    expect(lettersOf(disk)).toMatchObject([{ of: 'somebody else' }, { line: 6 }]);
  });

  test('refuses a source that is named twice', async () => {
    const disk = await newDisk();
    const sources = [linesSource([]), linesSource([])];
    await expect(runOn(disk.process(), { sources })).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('refuses more sources than a checkpoint has room for, before anything is done', async () => {
    const disk = await newDisk();
    const sources = Array.from({ length: 900 }, (_, index) => linesSource([message(index)], { id: `source ${index}` }));
    const refused = runOn(disk.process(), { sources, batchBytes: 1 });
    await expect(refused).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: expect.stringContaining('900 sources'),
    });
    expect(disk.files().has(OUTPUT)).toBe(false);
    await runOn(disk.process(), { sources: sources.slice(0, 240), batchBytes: 1 });
    expect(idsOf(disk.files().get(OUTPUT))).toEqual(ids(0, 240));
  });
});

describe('a strict run', () => {
  test('ends at the first line that is no message, and has committed what came before', async () => {
    const disk = await newDisk();
    const lines = [...messages(0, 7), 'no message', ...messages(7, 12)];
    const run = () =>
      runOn(disk.process(), { sources: [linesSource(lines, { id: 'file:/in', chunkLines: [5] })], strict: true });
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(run()).rejects.toMatchObject({
        code: 'MESSAGE_INVALID',
        message: expect.stringContaining('/in: line 8: '),
      });
      expect(idsOf(disk.files().get(OUTPUT))).toEqual(ids(0, 7));
    }
    lines[7] = message(100);
    await run();
    expect(idsOf(disk.files().get(OUTPUT))).toEqual([...ids(0, 7), 'm100', ...ids(7, 12)]);
  });

  test('ends at a conflict, and meets it again until it is mended', async () => {
    const disk = await newDisk();
    const lines = [...messages(0, 7), message(3, 99), ...messages(7, 12)];
    const sources = () => [linesSource(lines, { chunkLines: [5] })];
    const run = () =>
      runOn(disk.process(), { sources: sources(), store: { digestBytes: 8 }, strict: true, batchBytes: 1 });
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(run()).rejects.toMatchObject({
        code: 'MESSAGE_CONFLICT',
        message: expect.stringContaining('line 8'),
      });
    }
    lines[7] = message(3);
    await run();
    expect(idsOf(disk.files().get(OUTPUT))).toEqual(ids(0, 12));
  });
});

describe('an abort', () => {
  test('ends the run behind a batch, and the next one goes on there', async () => {
    const disk = await newDisk();
    const ended = new AbortController();
    const onRead = (line: number) => line === 30 && ended.abort();
    const first = await runOn(disk.process(), {
      sources: [linesSource(messages(0, 50), { chunkLines: [10], onRead })],
      batchBytes: 1,
      signal: ended.signal,
    });
    expect(first.isInterrupted).toBe(true);
    expect(first.counts.written).toBeLessThan(50);
    const second = await runOn(disk.process(), { sources: [linesSource(messages(0, 50), { chunkLines: [10] })] });
    expect(second).toMatchObject({
      isInterrupted: false,
      counts: { duplicates: 0, written: 50 - first.counts.written },
    });
    expect(idsOf(disk.files().get(OUTPUT))).toEqual(ids(0, 50));
  });

  test('still brings out what was taken from a pipe', async () => {
    const disk = await newDisk();
    const ended = new AbortController();
    const onRead = (line: number) => line === 30 && ended.abort();
    const pipe: Source = { ...linesSource(messages(0, 50), { chunkLines: [10], onRead }), recovery: 'none' };
    const summary = await runOn(disk.process(), { sources: [pipe], batchBytes: 1, signal: ended.signal });
    expect(summary.isInterrupted).toBe(true);
    expect(idsOf(disk.files().get(OUTPUT))).toEqual(ids(0, 40));
  });

  test('ends a source that waits', async () => {
    const disk = await newDisk();
    const ended = new AbortController();
    const waiting: Source = {
      ...linesSource([]),
      isLive: true,
      async *read(_from, signal) {
        yield { bytes: Buffer.from(`${message(1)}\n`), firstLine: 1, position: { lines: 1 } };
        if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      },
      committed: async () => ended.abort(),
    };
    const summary = await runOn(disk.process(), { sources: [waiting], signal: ended.signal });
    expect(summary).toMatchObject({ isInterrupted: true, counts: { written: 1 } });
  });

  test('of a sink that waits for an answer is no failure, and nothing of its batch counts', async () => {
    const disk = await newDisk();
    const ended = new AbortController();
    const committed: unknown[] = [];
    const sink: Sink = {
      id: 'http:test',
      guarantee: 'at-least-once',
      write: async () => {
        ended.abort();
        throw new OtaError('INTERRUPTED', 'Interrupted before it was done');
      },
      close: async () => {},
    };
    const source: Source = {
      ...linesSource(messages(0, 5)),
      committed: async (position) => void committed.push(position),
    };
    const summary = await runOn(disk.process(), { sources: [source], sink, signal: ended.signal });
    expect(summary).toMatchObject({ isInterrupted: true, counts: { written: 0 } });
    expect(committed).toEqual([]);
  });
});

describe('a failure', () => {
  test('of the output leaves what a next run completes', async () => {
    for (const [kind, keptBytes] of [
      ['append', 5],
      ['append', 0],
      ['sync', 0],
    ] as const) {
      for (let at = 0; at < 12; at++) {
        const disk = await newDisk();
        let left = at;
        disk.fault = (attempt) => (attempt.kind === kind && left-- === 0 ? { code: 'NO_SPACE', keptBytes } : undefined);
        const sources = () => [linesSource(messages(0, 40), { chunkLines: [10] })];
        const failure = await runOn(disk.process(), { sources: sources(), batchBytes: 1 }).catch(
          (error: unknown) => error,
        );
        if (left < 0) expect(failure).toMatchObject({ code: 'NO_SPACE' });
        disk.fault = () => undefined;
        await runOn(disk.process(), { sources: sources() });
        expect(idsOf(disk.files().get(OUTPUT))).toEqual(ids(0, 40));
      }
    }
  });

  test('of a source comes up once everything before it is committed', async () => {
    const disk = await newDisk();
    const onRead = (line: number) => {
      if (line === 30) throw new OtaError('IO_FAILED', 'the disk is gone');
    };
    const sources = [linesSource(messages(0, 50), { chunkLines: [10], onRead })];
    await expect(runOn(disk.process(), { sources, batchBytes: 1 })).rejects.toMatchObject({ code: 'IO_FAILED' });
    const second = await runOn(disk.process(), { sources: [linesSource(messages(0, 50))] });
    expect(second.counts).toMatchObject({ duplicates: 0, written: 20 });
  });

  test('of one source ends another one that waits', async () => {
    const disk = await newDisk();
    const live: Source = {
      ...linesSource([], { id: 'live' }),
      isLive: true,
      async *read(_from, signal) {
        if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
        yield* [];
      },
    };
    const onRead = () => {
      throw new OtaError('IO_FAILED', 'the disk is gone');
    };
    const sources = [live, linesSource(messages(0, 5), { onRead })];
    await expect(runOn(disk.process(), { sources })).rejects.toMatchObject({ code: 'IO_FAILED' });
  });
});

describe('order', () => {
  test('ids are judged only once those before are on their way into the store, and sources are told last', async () => {
    const disk = await newDisk();
    const log: string[] = [];
    const fs = disk.process();
    const file = fileSink(fs, OUTPUT);
    const turns = async (count: number) => {
      for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
    };
    const sink: Sink = {
      ...file,
      id: file.id,
      guarantee: 'at-least-once',
      write: async (accepted, input, signal) => {
        log.push('write');
        await turns(5);
        const position = await file.write(accepted, input, signal);
        log.push('written');
        return position;
      },
      close: () => file.close(),
    };
    const source: Source = { ...linesSource(messages(0, 4)), committed: async () => void log.push('told') };
    disk.fault = ({ kind, path }) => {
      if (kind === 'append' && path.endsWith('.log') && log.length > 0) log.push('frame');
      return undefined;
    };
    await runOn(fs, { sources: [source], sink, batchBytes: 1 });
    const batch = ['write', 'written', 'frame'];
    expect(log.filter((entry) => entry !== 'told')).toEqual([...batch, ...batch, ...batch, ...batch]);
    // Each telling follows a frame of its own.
    expect(log.filter((entry) => entry === 'told')).toHaveLength(4);
    let untold = 0;
    for (const entry of log) {
      if (entry === 'frame') untold++;
      if (entry === 'told') untold--;
      expect(untold).toBeGreaterThanOrEqual(0);
    }
  });

  test('lines that a stage holds back are read again after a crash', async () => {
    // Holds the first line back until the end.
    const hold: LineStage = async function* (lines) {
      let held: LineChunk | undefined;
      let position: JsonObject | undefined;
      for await (const chunk of lines) {
        ({ position } = chunk);
        if (held === undefined) held = chunk;
        else yield { bytes: chunk.bytes, firstLine: chunk.firstLine };
      }
      if (held !== undefined && position !== undefined) yield { ...held, position };
    };
    for (let operations = 1; operations < 60; operations += 3) {
      const first = new RecordedFs();
      await makeFolders(first.process());
      first.killAt(first.operations.length + operations);
      const sources = () => [linesSource(messages(0, 10))];
      await runOn(first.process(), { sources: sources(), batchBytes: 1, drill: hold }).catch(() => {});
      const second = first.afterKill(first.operations.length);
      await runOn(second.process(), { sources: sources(), batchBytes: 1, drill: hold });
      expect(idsOf(second.files().get(OUTPUT)).sort()).toEqual(ids(0, 10).sort());
    }
  });
});

describe('what it tells', () => {
  test('is what it promises, and what it cannot', async () => {
    const disk = await newDisk();
    const events: PipelineEvent[] = [];
    const sink: Sink = {
      id: 'stdout',
      guarantee: 'at-least-once',
      write: async () => undefined,
      close: async () => {},
    };
    const pipe: Source = { ...linesSource(messages(0, 5), { id: 'stdin' }), recovery: 'none' };
    await runOn(disk.process(), { sources: [pipe], sink, onEvent: (event) => void events.push(event) });
    expect(events.map((event) => ('code' in event ? event.code : event.type))).toEqual([
      'started',
      'AT_LEAST_ONCE',
      'NOT_REPLAYABLE',
      'finished',
    ]);
  });

  test('is its progress several times a second, as its own time goes', async () => {
    const disk = await newDisk();
    const events: PipelineEvent[] = [];
    let nowMs = 0;
    await runOn(disk.process(), {
      sources: [linesSource(messages(0, 100), { chunkLines: [1] })],
      batchBytes: 1,
      time: {
        monotonicMs: () => {
          nowMs += 50;
          return nowMs;
        },
      },
      onEvent: (event) => void events.push(event),
    });
    const progress = events.filter((event) => event.type === 'progress');
    expect(progress.length).toBeGreaterThan(20);
    for (const { messagesPerSecond } of progress) expect(messagesPerSecond).toBeLessThanOrEqual(20);
    expect(events.at(-1)).toMatchObject({ type: 'finished', counts: { lines: 100 } });
  });

  test('is a window that became shorter than it has to be', async () => {
    const disk = await newDisk();
    const events: PipelineEvent[] = [];
    const timed = Array.from(
      { length: 2000 },
      (_, id) => `{"messageId":"m${id}","timestamp":${1_700_000_000_000 + id * 1000}}`,
    );
    await runOn(disk.process(), {
      sources: [linesSource(timed, { chunkLines: [20] })],
      store: { window: { keys: 100 } },
      batchBytes: 1,
      minWindowMs: 3_600_000,
      onEvent: (event) => void events.push(event),
    });
    const warnings = events.filter((event) => event.type === 'warning');
    expect(warnings).toMatchObject([{ code: 'WINDOW_SHORT' }]);
  });
});

test('with a sink that cannot be asked, a message may come out again after a crash, and none is lost', async () => {
  for (let operations = 1; operations < 40; operations++) {
    const disk = await newDisk();
    const out: string[] = [];
    const sink = (): Sink => ({
      id: 'http:test',
      guarantee: 'at-least-once',
      write: async (accepted) => {
        for (const { id } of accepted.messages()) out.push(id);
        return undefined;
      },
      close: async () => {},
    });
    const run = (fs: RecordedFs) =>
      runOn(fs.process(), {
        sources: [linesSource(messages(0, 20), { chunkLines: [4] })],
        sink: sink(),
        batchBytes: 1,
      });
    disk.killAt(disk.operations.length + operations);
    await run(disk).catch(() => {});
    await run(disk.afterKill(disk.operations.length));
    expect(new Set(out)).toEqual(new Set(ids(0, 20)));
    expect(out.length).toBeLessThanOrEqual(28);
  }
});
