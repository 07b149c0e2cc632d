import { describe, expect, test } from 'vitest';
import { lineDecoder } from '../../../src/lib/pipeline/decode-lines.js';
import { openDecoderPool } from '../../../src/lib/pipeline/decoder-pool.js';

const OPTIONS = {
  secret: Uint8Array.from({ length: 16 }, (_, i) => i),
  missingId: 'derive',
  digestBytes: 8,
  digestIgnore: ['attempt'],
} as const;

/** Every kind of line; a buffer of its own. */
function chunk(number: number): { bytes: Uint8Array; firstLine: number } {
  const lines = Array.from({ length: 40 }, (_, i) => {
    if (i === 7) return 'nonsense';
    if (i === 9) return `{"speed":${number}}`;
    return `{"messageId":"${number}/${i}","timestamp":${1000 * number + i},"attempt":${i}}`;
  });
  const text = Buffer.from(`${lines.join('\n')}\n`);
  return { bytes: new Uint8Array(text), firstLine: 1 + 40 * number };
}

/** A batch without the room for more messages. */
function filled(batch: ReturnType<ReturnType<typeof lineDecoder>>) {
  const { bytes, count, starts, ends, idStarts, idEnds, keys, digests, timestamps, rejects, derivedIds } = batch;
  const columns = [starts, ends, idStarts, idEnds, timestamps].map((column) => column.slice(0, count));
  const text = Buffer.from(bytes).toString('utf8');
  return {
    text,
    count,
    columns,
    keys: keys.slice(0, 4 * count),
    digests: digests.slice(0, 2 * count),
    rejects,
    derivedIds,
  };
}

describe('A pool of decoders', () => {
  test('finds what one decoder finds, chunk by chunk', async () => {
    const pool = openDecoderPool({ ...OPTIONS, threads: 2 });
    const numbers = Array.from({ length: 20 }, (_, i) => i);
    const batches = await Promise.all(numbers.map((number) => pool.decode(chunk(number))));
    await pool.close();
    const decode = lineDecoder(OPTIONS);
    for (const number of numbers) expect(filled(batches[number]!)).toEqual(filled(decode(chunk(number))));
  });

  test('takes over a buffer, and copies from one that holds something else as well', async () => {
    const pool = openDecoderPool({ ...OPTIONS, threads: 1 });
    const whole = chunk(1);
    await pool.decode(whole);
    expect(whole.bytes.byteLength).toBe(0);

    const { bytes, firstLine } = chunk(2);
    const larger = new Uint8Array(bytes.length + 200);
    larger.set(bytes, 100);
    const batch = await pool.decode({ bytes: larger.subarray(100, 100 + bytes.length), firstLine });
    expect(larger.subarray(100, 100 + bytes.length)).toEqual(bytes);
    expect(filled(batch)).toEqual(filled(lineDecoder(OPTIONS)({ bytes, firstLine })));
    await pool.close();
  });

  test('fails what it has not decoded when it is closed, and everything later', async () => {
    const pool = openDecoderPool({ ...OPTIONS, threads: 1 });
    const early = pool.decode(chunk(1));
    await pool.close();
    await expect(early).rejects.toThrow('the decoder was closed');
    await expect(pool.decode(chunk(2))).rejects.toThrow('the decoder was closed');
  });

  test('fails with the error of a thread', async () => {
    const pool = openDecoderPool({ ...OPTIONS, threads: 1 });
    const halfLine = { bytes: new Uint8Array(Buffer.from('{"messageId":"a"}')), firstLine: 1 };
    const answers = await Promise.allSettled([pool.decode(halfLine), pool.decode(chunk(1))]);
    for (const answer of answers) expect(String((answer as PromiseRejectedResult).reason)).toMatch(/line feed/);
    await expect(pool.decode(chunk(2))).rejects.toThrow(/line feed/);
    await pool.close();
  });
});
