import { appendFile, writeFile } from 'node:fs/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/lib/core/strict-json.js';
import { openFileSource } from '../../../src/lib/telemetry/file-source.js';
import type { LineChunk } from '../../../src/lib/telemetry/line-chunk.js';
import { MAX_LINE_BYTES } from '../../../src/lib/telemetry/message.js';
import { testFolder } from '../../support/folder.js';

const never = new AbortController().signal;

interface Read {
  readonly text: string;
  readonly firstLines: readonly number[];
  readonly position: JsonObject | undefined;
}

async function readFrom(path: string, from?: JsonObject): Promise<Read> {
  const source = await openFileSource(path);
  const chunks: LineChunk[] = [];
  try {
    for await (const chunk of source.read(from, never)) chunks.push(chunk);
  } finally {
    await source.close();
  }
  return {
    text: chunks.map(({ bytes }) => Buffer.from(bytes).toString()).join(''),
    firstLines: chunks.map(({ firstLine }) => firstLine),
    position: chunks.at(-1)?.position ?? from,
  };
}

async function refusal(path: string, from: JsonObject | undefined): Promise<unknown> {
  return await readFrom(path, from).catch((error: unknown) => error);
}

describe('a file that is read again', () => {
  test('gives what was appended since, with its line numbers', async () => {
    await using folder = await testFolder();
    const path = folder.file('in.ndjson');
    await writeFile(path, 'one\ntwo\n');
    const first = await readFrom(path);
    expect(first).toMatchObject({ text: 'one\ntwo\n', firstLines: [1] });
    await appendFile(path, 'three\n');
    expect(await readFrom(path, first.position)).toMatchObject({ text: 'three\n', firstLines: [3] });
  });

  test('gives nothing more when nothing was appended', async () => {
    await using folder = await testFolder();
    const path = folder.file('in.ndjson');
    for (const content of ['', 'one\n', 'one\ntwo', '\n\n']) {
      await writeFile(path, content);
      const { position } = await readFrom(path);
      expect(await readFrom(path, position)).toMatchObject({ text: '', position });
    }
  });

  test('is the same in as many parts as it is appended in', async () => {
    await using folder = await testFolder();
    const part = fc.array(fc.constantFrom('{"a":1}', '', 'ä', 'x'.repeat(5000)), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 5 }), async (parts) => {
        const path = folder.file('in.ndjson');
        await writeFile(path, '');
        let position: JsonObject | undefined;
        let text = '';
        for (const lines of parts) {
          await appendFile(path, lines.map((line) => `${line}\n`).join(''));
          const read = await readFrom(path, position);
          text += read.text;
          position = read.position;
        }
        expect(text).toBe(
          parts
            .flat()
            .map((line) => `${line}\n`)
            .join(''),
        );
      }),
      { numRuns: 50 },
    );
  });

  test('refuses to go on when it was cut or replaced', async () => {
    await using folder = await testFolder();
    const path = folder.file('in.ndjson');
    const long = Array.from({ length: 3000 }, (_, line) => `line ${line}\n`).join('');
    await writeFile(path, long);
    const { position } = await readFrom(path);
    const changes = [
      long.slice(0, -9),
      '',
      long.replace('line 0', 'LINE 0'),
      long.replace('line 2999', 'LINE 2999'),
      `x${long}`,
    ];
    for (const change of changes) {
      await writeFile(path, change);
      const error = await refusal(path, position);
      expect(error).toMatchObject({
        code: 'CHECKPOINT_MISMATCH',
        suggestions: [expect.stringContaining('--no-from-checkpoint')],
      });
    }
  });

  test('refuses a position that is none of its own', async () => {
    await using folder = await testFolder();
    const path = folder.file('in.ndjson');
    await writeFile(path, 'one\n');
    const others: JsonObject[] = [{}, { bytes: -1, lines: 0, print: '' }, { delivered: 7 }];
    for (const position of others) {
      expect(await refusal(path, position)).toMatchObject({ code: 'CHECKPOINT_MISMATCH' });
    }
  });
});

describe('a last line without a line feed', () => {
  test('counts', async () => {
    await using folder = await testFolder();
    const path = folder.file('in.ndjson');
    await writeFile(path, 'one\ntwo');
    expect(await readFrom(path)).toMatchObject({ text: 'one\ntwo\n', firstLines: [1, 2] });
  });

  test('is done when only its line feed follows', async () => {
    await using folder = await testFolder();
    const path = folder.file('in.ndjson');
    await writeFile(path, 'one\ntwo');
    const { position } = await readFrom(path);
    await appendFile(path, '\n');
    expect(await readFrom(path, position)).toMatchObject({ text: '' });
    await appendFile(path, 'three\n');
    expect(await readFrom(path, position)).toMatchObject({ text: 'three\n', firstLines: [3] });
  });

  test('is read again as a whole when it was only its beginning', async () => {
    await using folder = await testFolder();
    const path = folder.file('in.ndjson');
    await writeFile(path, 'one\ntw');
    const { position } = await readFrom(path);
    await appendFile(path, 'o\nthree\n');
    expect(await readFrom(path, position)).toMatchObject({ text: 'two\nthree\n', firstLines: [2] });
  });

  test('is noticed when it was rewritten', async () => {
    await using folder = await testFolder();
    const path = folder.file('in.ndjson');
    await writeFile(path, 'one\ntwo');
    const { position } = await readFrom(path);
    await writeFile(path, 'one\nTWO and more\n');
    expect(await refusal(path, position)).toMatchObject({ code: 'CHECKPOINT_MISMATCH' });
  });
});

test('what is appended while it is read is read, too', async () => {
  await using folder = await testFolder();
  const path = folder.file('in.ndjson');
  await writeFile(path, 'one\n');
  const source = await openFileSource(path);
  let text = '';
  for await (const { bytes } of source.read(undefined, never)) {
    text += Buffer.from(bytes).toString();
    if (text === 'one\n') await appendFile(path, 'two\n');
  }
  await source.close();
  expect(text).toBe('one\ntwo\n');
});

test('a line that is too long goes on as long as it takes to refuse it, and the next one whole', async () => {
  await using folder = await testFolder();
  const path = folder.file('in.ndjson');
  await writeFile(path, `${'x'.repeat(3 * MAX_LINE_BYTES)}\n{}\n`);
  const { text, position } = await readFrom(path);
  const [long, next] = text.split('\n');
  expect(long!.length).toBe(MAX_LINE_BYTES + 1);
  expect(next).toBe('{}');
  expect(position).toMatchObject({ bytes: 3 * MAX_LINE_BYTES + 4, lines: 2 });
});

test('an abort ends the reading behind the chunk in hand', async () => {
  await using folder = await testFolder();
  const path = folder.file('in.ndjson');
  await writeFile(path, `${'{"a":"b"}\n'.repeat(400_000)}`);
  const ended = new AbortController();
  const source = await openFileSource(path);
  let chunks = 0;
  for await (const _ of source.read(undefined, ended.signal)) {
    chunks++;
    ended.abort();
  }
  expect(chunks).toBe(1);
  expect(source.lag()).toEqual({ amount: 4_000_000 - 1_048_570, unit: 'bytes' });
  await source.close();
});

test('only a regular file is read', async () => {
  await using folder = await testFolder();
  await expect(openFileSource(folder.path)).rejects.toMatchObject({ code: 'IO_FAILED' });
  await expect(openFileSource(folder.file('missing'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test.each([
  ['gzip', gzipSync('{"messageId":"a"}\n')],
  ['zstd', zstdCompressSync('{"messageId":"a"}\n')],
])('a recording that is compressed with %s is refused, rather than each of its lines', async (name, bytes) => {
  await using folder = await testFolder();
  const path = folder.file('trips');
  await writeFile(path, bytes);
  await expect(openFileSource(path)).rejects.toMatchObject({
    code: 'MESSAGE_INVALID',
    message: `${path}: is compressed (${name}), expected lines of JSON`,
  });
});
