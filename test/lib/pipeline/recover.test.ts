import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { randomNumbers } from '../../../src/lib/core/random-numbers.js';
import type { PipelineEvent } from '../../../src/lib/pipeline/events.js';
import { fileSink } from '../../../src/lib/telemetry/file-sink.js';
import { RecordedFs } from '../../support/recorded-fs.js';
import { idsOf, linesSource, makeFolders, OUTPUT, type RunOptions, runOn } from './pipeline-fixture.js';

type Files = Map<string, Uint8Array>;

const message = (id: number) => `{"messageId":"m${id}","value":${id * 7}}`;
const messages = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => message(from + index));
const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `m${from + index}`);

/** A disk that durably holds just these files. */
async function diskWith(files: Files): Promise<RecordedFs> {
  const disk = new RecordedFs();
  const fs = disk.process();
  await makeFolders(fs);
  for (const [path, bytes] of files) {
    const folders = path.split('/').slice(2, -1);
    for (let depth = 1; depth <= folders.length; depth++)
      await fs.makeDirectory(`/data/${folders.slice(0, depth).join('/')}`);
    const file = await fs.open(path, 'append');
    await file.append([Buffer.from(bytes)]);
    await file.sync();
    for (let depth = folders.length; depth >= 0; depth--) {
      await fs.syncDirectory(['/data', ...folders.slice(0, depth)].join('/'));
    }
  }
  return disk;
}

interface Life {
  readonly files: Files;
  readonly events: PipelineEvent[];
}

async function live(files: Files, options: RunOptions): Promise<Life> {
  const disk = await diskWith(files);
  const events: PipelineEvent[] = [];
  await runOn(disk.process(), { batchBytes: 1, onEvent: (event) => void events.push(event), ...options });
  return { files: disk.files(), events };
}

/** A run that is refused, and the proof that it changed nothing of output and ids. */
async function refused(files: Files, options: RunOptions): Promise<OtaError> {
  const disk = await diskWith(files);
  const error = await runOn(disk.process(), { batchBytes: 1, ...options }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(OtaError);
  expect(hexOf(disk.files())).toEqual(hexOf(files));
  return error as OtaError;
}

const hexOf = (files: Files) => [...files].map(([path, bytes]) => [path, Buffer.from(bytes).toString('hex')]).sort();
const nothing: Files = new Map();
const source = (from: number, to: number) => [linesSource(messages(from, to), { chunkLines: [10] })];
const output = ({ files }: Pick<Life, 'files'>) => idsOf(files.get(OUTPUT));
const withOutput = ({ files }: Life, change: (bytes: Buffer) => Uint8Array) =>
  new Map([...files, [OUTPUT, change(Buffer.from(files.get(OUTPUT)!))]]) as Files;
function eventOf<T extends PipelineEvent['type']>({ events }: Life, type: T): Extract<PipelineEvent, { type: T }>[] {
  return events.filter((event): event is Extract<PipelineEvent, { type: T }> => event.type === type);
}

describe('a second run', () => {
  test('goes on where the first one stopped', async () => {
    const first = await live(nothing, { sources: source(0, 50) });
    const read: number[] = [];
    const longer = [linesSource(messages(0, 80), { chunkLines: [10], onRead: (line) => read.push(line) })];
    const second = await live(first.files, { sources: longer });
    expect(output(second)).toEqual(ids(0, 80));
    expect(read).toEqual([50, 60, 70]);
    expect(eventOf(second, 'started')).toMatchObject([{ isContinued: true }]);
    expect(eventOf(second, 'recovered')).toEqual([]);
  });

  test('with nothing new changes no byte', async () => {
    const first = await live(nothing, { sources: source(0, 50) });
    const second = await live(first.files, { sources: source(0, 50) });
    expect(hexOf(second.files)).toEqual(hexOf(first.files));
  });

  test('may read its input from the start, and leaves out what came out', async () => {
    const first = await live(nothing, { sources: source(0, 50) });
    const second = await live(first.files, { sources: source(0, 80), fromCheckpoint: false });
    expect(output(second)).toEqual(ids(0, 80));
    expect(eventOf(second, 'finished')).toMatchObject([{ counts: { lines: 80, written: 30, duplicates: 50 } }]);
  });

  test('keeps the positions of sources that it does not read', async () => {
    const a = () => [linesSource(messages(0, 50), { id: 'a' })];
    const first = await live(nothing, { sources: a() });
    const second = await live(first.files, { sources: [linesSource(messages(50, 60), { id: 'b' })] });
    const third = await live(second.files, { sources: a() });
    expect(eventOf(third, 'finished')).toMatchObject([{ counts: { lines: 0 } }]);
    expect(output(third)).toEqual(ids(0, 60));
  });
});

describe('an output that is not what the store knows', () => {
  test('gets back what was cut off from it', async () => {
    const first = await live(nothing, { sources: source(0, 50) });
    for (const keep of [0.9, 0.5, 0.1]) {
      const cut = withOutput(first, (bytes) => bytes.subarray(0, bytes.length * keep));
      const second = await live(cut, { sources: source(0, 60) });
      expect(output(second)).toEqual(ids(0, 60));
      const [recovered] = eventOf(second, 'recovered');
      expect(recovered!.removedKeys).toBeGreaterThan(0);
      expect(recovered!.removedKeys - recovered!.addedKeys).toBe(50 - Math.floor(50 * keep));
    }
  });

  test('is refused when it is gone or empty', async () => {
    const first = await live(nothing, { sources: source(0, 50) });
    const without = new Map(first.files);
    without.delete(OUTPUT);
    for (const files of [without, withOutput(first, () => Buffer.alloc(0))]) {
      const error = await refused(files, { sources: source(0, 60) });
      expect(error).toMatchObject({
        code: 'CHECKPOINT_MISMATCH',
        message: expect.stringContaining('is missing or empty'),
      });
      expect(error.suggestions.join()).toContain('--new-output');
    }
  });

  test('is refused when another one stands in its place', async () => {
    const first = await live(nothing, { sources: source(0, 50), store: { partitions: 2 } });
    const others = [messages(50, 100), messages(20, 50), [`${message(0)} `, ...messages(1, 50)]];
    for (const lines of others) {
      const replaced = withOutput(first, () => Buffer.from(lines.map((line) => `${line}\n`).join('')));
      const error = await refused(replaced, { sources: source(0, 60), store: { partitions: 2 } });
      expect(error).toMatchObject({ code: 'CHECKPOINT_MISMATCH' });
      expect(error.suggestions.join()).toContain('fleet dedupe rebuild');
    }
  });

  test('is refused when more was cut off from it than the store can go back', async () => {
    const store = { window: { keys: 100 }, partitions: 2 };
    const first = await live(nothing, { sources: source(0, 2000), store });
    const cut = withOutput(first, (bytes) => bytes.subarray(0, bytes.length / 2));
    expect(await refused(cut, { sources: source(0, 2010), store })).toMatchObject({ code: 'CHECKPOINT_MISMATCH' });
  });

  test('is gone on with when it is a new one on purpose', async () => {
    const first = await live(nothing, { sources: source(0, 50) });
    const without = new Map(first.files);
    without.delete(OUTPUT);
    const second = await live(without, { sources: source(0, 60), newOutput: true });
    expect(output(second)).toEqual(ids(50, 60));
    const third = await live(second.files, { sources: source(0, 70) });
    expect(output(third)).toEqual(ids(50, 70));
  });

  test('may be another file on purpose, whose ids count, too', async () => {
    const first = await live(nothing, { sources: source(0, 50) });
    const elsewhere = '/data/other.ndjson';
    const files: Files = new Map([...first.files, [elsewhere, Buffer.from(`${message(55)}\n`)]]);
    const disk = await diskWith(files);
    const sink = fileSink(disk.process(), elsewhere);
    await runOn(disk.process(), { sources: source(0, 60), batchBytes: 1, newOutput: true, sink });
    expect(idsOf(disk.files().get(elsewhere))).toEqual(['m55', ...ids(50, 55), ...ids(56, 60)]);
    expect(idsOf(disk.files().get(OUTPUT))).toEqual(ids(0, 50));
  });

  test('that another new store has filled meanwhile is not taken for empty', async () => {
    const disk = await diskWith(nothing);
    const fs = disk.process();
    const takeLock = async () => {
      const file = await fs.open(OUTPUT, 'append'); // the other one, until it let go of the lock
      await file.append([Buffer.from(`${message(1)}\n`)]);
      await file.close();
      return { release: async () => {} };
    };
    const run = runOn(fs, { sources: source(0, 5), sink: fileSink(fs, OUTPUT, { takeLock }) });
    await expect(run).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(output({ files: disk.files() })).toEqual(['m1']);
  });

  test('is not taken for one that a new store belongs to, however often', async () => {
    for (const content of [`${message(1)}\n`, 'a text without any line feed']) {
      const disk = await diskWith(new Map([[OUTPUT, Buffer.from(content)]]));
      for (let attempt = 0; attempt < 2; attempt++) {
        const run = runOn(disk.process(), { sources: source(0, 5) });
        await expect(run).rejects.toMatchObject({
          code: 'OUTPUT_EXISTS',
          suggestions: [expect.stringContaining('--rebuild')],
        });
      }
      expect(Buffer.from(disk.files().get(OUTPUT)!).toString()).toBe(content);
    }
  });

  test('is what a store is built from where there is none', async () => {
    const first = await live(nothing, { sources: source(0, 50) });
    const onlyOutput: Files = new Map([
      [OUTPUT, Buffer.concat([first.files.get(OUTPUT)!, Buffer.from('{"messageId":"half')])],
    ]);
    const second = await live(onlyOutput, { sources: source(0, 60), rebuild: true });
    expect(output(second)).toEqual(ids(0, 60));
    expect(eventOf(second, 'recovered')).toMatchObject([{ addedKeys: 50, tailMessages: 50 }]);
    const third = await live(second.files, { sources: source(0, 70) });
    expect(output(third)).toEqual(ids(0, 70));
  });

  test('is what a store is built from, of its newest messages as many as the window holds', async () => {
    const lines = messages(0, 1000);
    const onlyOutput: Files = new Map([[OUTPUT, Buffer.from(lines.map((line) => `${line}\n`).join(''))]]);
    const store = { window: { keys: 100 } };
    const second = await live(onlyOutput, { sources: source(900, 1010), rebuild: true, store });
    expect(output(second)).toEqual(ids(0, 1010));
    expect(eventOf(second, 'recovered')).toMatchObject([{ tailMessages: 100 }]);
    expect(eventOf(second, 'warning')).toMatchObject([{ code: 'READ_AGAIN' }, { code: 'OUTPUT_PARTIAL' }]);
  });

  test('loses nothing that stands behind a foreign line when a store takes up its ids, nor after a kill', async () => {
    const former = Buffer.from(
      `# by hand\n${messages(0, 30).join('\n')}\nno message\n${messages(30, 50).join('\n')}\n`,
    );
    const first = await live(nothing, { sources: source(40, 60) });
    const starts: [Files, RunOptions][] = [
      [nothing, { sources: source(40, 60), rebuild: true }],
      [first.files, { sources: source(40, 60), newOutput: true }],
    ];
    for (const [files, options] of starts) {
      const before = new Map([...files, [OUTPUT, former]]);
      const second = await live(before, options);
      expect(eventOf(second, 'warning')).toMatchObject([{ code: 'OUTPUT_FOREIGN' }]);
      const whole = Buffer.from(second.files.get(OUTPUT)!);
      expect(whole.subarray(0, former.length).equals(former)).toBe(true);
      const { length } = (await diskWith(before)).operations;
      for (let operations = 1; ; operations++) {
        const disk = await diskWith(before);
        disk.killAt(length + operations);
        const wasKilled = await runOn(disk.process(), { batchBytes: 1, ...options }).then(
          () => false,
          () => true,
        );
        if (!wasKilled) break;
        const third = await live(disk.files(), options);
        expect(Buffer.from(third.files.get(OUTPUT)!).equals(whole)).toBe(true);
      }
    }
  });

  test('keeps lines that somebody else wrote and that are no messages', async () => {
    const first = await live(nothing, { sources: source(0, 50) });
    const foreign = `no message\n${`{"messageId":"filler","pad":"${'x'.repeat(500_000)}"}\n`.repeat(40)}`;
    const second = await live(
      withOutput(first, (bytes) => Buffer.concat([bytes, Buffer.from(foreign)])),
      { sources: source(0, 60) },
    );
    expect(eventOf(second, 'warning')).toMatchObject([{ code: 'OUTPUT_FOREIGN' }]);
    const text = Buffer.from(second.files.get(OUTPUT)!).toString();
    expect(text.split('\n')[50]).toBe('no message');
    expect(text.endsWith(`"m59","value":413}\n`)).toBe(true);
  });
});

describe('a write that a power cut tore', () => {
  test('is cut off from its first line that is none, and comes out again', async () => {
    const first = await live(nothing, { sources: source(0, 30) });
    const complete = await live(nothing, { sources: source(0, 60) });
    const whole = Buffer.from(complete.files.get(OUTPUT)!);
    const durable = first.files.get(OUTPUT)!.length;
    for (let from = durable; from < whole.length - 40; from += 37) {
      const torn = Buffer.from(whole);
      torn.fill(0, from, from + 40); // a block that was never written
      const second = await live(
        withOutput(first, () => torn),
        { sources: source(0, 70) },
      );
      expect(output(second)).toEqual(ids(0, 70));
      expect(eventOf(second, 'warning')).toMatchObject([{ code: 'OUTPUT_TORN' }]);
    }
  });
});

describe('a store that is older than its output', () => {
  test('learns the ids that it does not know', async () => {
    const first = await live(nothing, { sources: source(0, 20) });
    const second = await live(first.files, { sources: source(0, 50) });
    const restored = new Map([...first.files, [OUTPUT, second.files.get(OUTPUT)!]]);
    const third = await live(restored, { sources: source(0, 60) });
    expect(output(third)).toEqual(ids(0, 60));
    expect(eventOf(third, 'recovered')).toEqual([
      { type: 'recovered', addedKeys: 30, removedKeys: 0, tailMessages: 30 },
    ]);
  });
});

describe('input that is read from its start', () => {
  const store = { window: { keys: 100 } };
  const isReread = (life: Life) => [
    eventOf(life, 'started')[0]!.isReread === true,
    eventOf(life, 'warning').some(({ code }) => code === 'READ_AGAIN'),
  ];

  test('although the store has forgotten what came out is warned of', async () => {
    const first = await live(nothing, { sources: source(0, 2000), store });
    expect(isReread(first)).toEqual([false, false]);
    const again = await live(first.files, { sources: source(0, 2000), store, fromCheckpoint: false });
    expect(isReread(again)).toEqual([true, true]);
    const other = [linesSource(messages(2000, 2010), { id: 'another' })];
    expect(isReread(await live(first.files, { sources: other, store }))).toEqual([false, false]);
    expect(isReread(await live(first.files, { sources: source(0, 2010), store }))).toEqual([false, false]);
  });

  test('is warned of when the store was made of a part of the output', async () => {
    const lines = Buffer.from(`${messages(0, 1000).join('\n')}\n`);
    const part = { sources: [], rebuild: true, store };
    const rebuilt = await live(new Map([[OUTPUT, lines]]), part);
    expect(isReread(await live(rebuilt.files, { sources: source(0, 1000), store }))).toEqual([true, true]);
    const whole = await live(new Map([[OUTPUT, lines]]), { ...part, store: {} });
    expect(isReread(await live(whole.files, { sources: source(0, 1000), store: {} }))).toEqual([false, false]);
  });
});

test('a store that is older than its output by more than it remembers says so', async () => {
  const store = { window: { keys: 100 } };
  const first = await live(nothing, { sources: source(0, 20), store });
  const second = await live(first.files, { sources: source(0, 300), store });
  const restored = new Map([...first.files, [OUTPUT, second.files.get(OUTPUT)!]]);
  const third = await live(restored, { sources: source(300, 310), store });
  expect(eventOf(third, 'warning')).toMatchObject([{ code: 'TAIL_LONG' }]);
  expect(eventOf(third, 'started')).toMatchObject([{ isReread: true }]);
});

test('output cut and store restored, again and again: each id is there once', async () => {
  const change = fc.oneof(
    fc.record({ kind: fc.constant('cut' as const), share: fc.double({ min: 0.05, max: 1, noNaN: true }) }),
    fc.record({ kind: fc.constant('restore' as const), share: fc.double({ min: 0, max: 0.999, noNaN: true }) }),
    fc.record({ kind: fc.constant('kill' as const), operations: fc.integer({ min: 1, max: 50 }), seed: fc.nat() }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(change, { minLength: 1, maxLength: 6 }),
      fc.constantFrom(1, 3),
      fc.constantFrom(200, 10_000),
      async (changes, partitions, keys) => {
        const store = { partitions, window: { keys } };
        const past: Files[] = [];
        let { files } = await live(nothing, { sources: source(0, 30), store });
        let end = 30;
        for (const each of changes) {
          past.push(files);
          end += 15;
          if (each.kind === 'cut') {
            const bytes = files.get(OUTPUT)!;
            files = new Map([...files, [OUTPUT, bytes.subarray(0, Math.ceil(bytes.length * each.share))]]);
          } else if (each.kind === 'restore') {
            const old = past[Math.floor(past.length * each.share)]!;
            files = new Map([...old, [OUTPUT, files.get(OUTPUT)!]]);
          } else {
            const disk = await diskWith(files);
            disk.killAt(disk.operations.length + each.operations);
            await runOn(disk.process(), { sources: source(0, end), store, batchBytes: 1 }).catch(() => {});
            files = disk.afterPowerCut(disk.operations.length, randomNumbers(each.seed)).files();
          }
          if (each.kind !== 'kill') ({ files } = await live(files, { sources: source(0, end), store }));
        }
        const last = await live(files, { sources: source(0, end), store });
        expect(output(last)).toEqual(ids(0, end));
      },
    ),
    { numRuns: 60 },
  );
});
