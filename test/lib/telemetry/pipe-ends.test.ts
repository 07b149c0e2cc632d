import { PassThrough, Readable, Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { stdinSource } from '../../../src/lib/telemetry/stdin-source.js';
import { stdoutSink } from '../../../src/lib/telemetry/stdout-sink.js';

const never = new AbortController().signal;
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

describe('standard input', () => {
  test('comes as whole lines with their numbers, the last one without its line feed, too', async () => {
    const chunks = [];
    for await (const chunk of stdinSource(
      Readable.from([Buffer.from('o'), Buffer.from('ne\ntwo\nth'), Buffer.from('ree')]),
    ).read(undefined, never)) {
      chunks.push([text(chunk.bytes), chunk.firstLine]);
    }
    expect(chunks).toEqual([
      ['one\ntwo\n', 1],
      ['three\n', 3],
    ]);
  });

  test('starts from its beginning whatever a checkpoint says, since that was another pipe', async () => {
    const source = stdinSource(Readable.from([Buffer.from('one\n')]));
    const chunks = [];
    for await (const chunk of source.read({ bytes: 100, lines: 7 }, never)) chunks.push(text(chunk.bytes));
    expect(chunks).toEqual(['one\n']);
  });

  test('ends on abort while nobody writes to it, and takes no half line for a message', async () => {
    const pipe = new PassThrough();
    pipe.write('one\ntw');
    const ended = new AbortController();
    const chunks = [];
    for await (const chunk of stdinSource(pipe).read(undefined, ended.signal)) {
      chunks.push(text(chunk.bytes));
      setImmediate(() => ended.abort());
    }
    expect(chunks).toEqual(['one\n']);
  });
});

describe('standard output', () => {
  const messages = (...runs: string[]) => ({
    count: runs.length,
    runs: runs.map((run) => Buffer.from(run)),
    messages: function* () {},
  });

  test('is done when all was taken, in order, however slowly', async () => {
    const taken: string[] = [];
    const slow = new Writable({
      highWaterMark: 4,
      write(bytes, _encoding, done) {
        setImmediate(() => {
          taken.push(text(bytes));
          done();
        });
      },
    });
    const runs = Array.from({ length: 20 }, (_, index) => `line ${index}\n`);
    await stdoutSink(slow).write(messages(...runs), { source: 'test' }, never);
    expect(taken).toEqual(runs);
  });

  test('fails when nobody reads any more', async () => {
    const closed = new Writable({
      write(_bytes, _encoding, done) {
        done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' }));
      },
    });
    closed.on('error', () => {});
    await expect(stdoutSink(closed).write(messages('one\n'), { source: 'test' }, never)).rejects.toMatchObject({
      code: 'IO_FAILED',
    });
  });
});
