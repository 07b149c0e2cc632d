import * as client from '@platformatic/kafka';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  committedLines,
  encodeBatch,
  type FetchedRecords,
  type OutgoingRecord,
} from '../../../src/lib/telemetry/kafka-records.js';

const PRODUCER = { producerId: 7n, epoch: 3 };
/** All parts together. */
function committed(fetched: FetchedRecords, from: bigint, maxChunkBytes = 1 << 20) {
  const parts = committedLines(client, fetched, from, { where: 'kafka topic t, partition 0', maxChunkBytes });
  return {
    parts,
    lines: parts.flatMap(({ bytes }) => linesOf(bytes)),
    misrouted: parts.reduce((sum, part) => sum + part.misrouted, 0),
    nextOffset: parts.at(-1)!.nextOffset,
  };
}

function record(id: string, text = JSON.stringify({ messageId: id })): OutgoingRecord {
  return { id, line: Buffer.from(text) };
}

/** A batch as it lies in the log: the broker writes the offset. */
function atOffset(batch: Buffer, offset: bigint): Buffer {
  const copy = Buffer.from(batch);
  copy.writeBigInt64BE(offset, 0);
  return copy;
}

function marker(producerId: bigint, offset: bigint, type: 'abort' | 'commit'): Buffer {
  const key = Buffer.from([0, 0, 0, type === 'abort' ? 0 : 1]);
  const message = { topic: 't', partition: 0, key, value: Buffer.alloc(6), headers: new Map(), timestamp: 0n };
  const bytes = Buffer.from(client.createRecordsBatch([message], { ...control, producerId }).buffer);
  bytes.writeInt16BE(0b110000, 21);
  bytes.writeUInt32BE(client.crc32c(bytes.subarray(21)), 17);
  return atOffset(bytes, offset);
}
const control = { transactionalId: 'x', producerEpoch: 0 };

function linesOf(bytes: Uint8Array): string[] {
  return Buffer.from(bytes).toString().split('\n').slice(0, -1);
}

test('the client reads every batch that is encoded here', () => {
  // Lengths where a varint takes a byte more.
  const lengths = fc.oneof(fc.nat(100), fc.constantFrom(63, 64, 8191, 8192, 1_048_576));
  const messages = fc.array(
    fc.record({
      id: fc.string({ unit: fc.constantFrom('a', 'é', '漢', '😀', '\u0000'), maxLength: 100 }),
      line: lengths.map((length) => Buffer.alloc(length, 1)),
    }),
    { minLength: 1, maxLength: 10 },
  );
  fc.assert(
    fc.property(messages, fc.nat(2 ** 31 - 1), (records, sequence) => {
      const batch = encodeBatch(client, records, PRODUCER, sequence, 1_700_000_000_000);
      const read = client.readRecordsBatch(client.Reader.from(batch));
      const { length, producerId, producerEpoch, firstSequence } = read;
      const header = { length: batch.length - 12, producerId: 7n, producerEpoch: 3, firstSequence: sequence };
      expect({ length, producerId, producerEpoch, firstSequence }).toEqual(header);
      expect(read.records.map(({ key, value }) => ({ id: `${key}`, line: value!.length }))).toEqual(
        records.map(({ id, line }) => ({ id: `${Buffer.from(id)}`, line: line.length })),
      );
    }),
    { numRuns: 30 },
  );
});

test('records of aborted transactions are left out, however transactions of several producers lie in the log', () => {
  const step = fc.record({
    producer: fc.integer({ min: 1, max: 3 }),
    does: fc.constantFrom('write', 'abort', 'commit'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.nat(12), (steps, cut) => {
      const log: Buffer[] = [];
      const aborted: { producerId: bigint; firstOffset: bigint; lastOffset: bigint }[] = [];
      const open = new Map<bigint, { offset: bigint; id: string }[]>();
      const visible: { offset: bigint; id: string }[] = [];
      let offset = 0n;
      for (const { producer, does } of [...steps, ...[1, 2, 3].map((each) => ({ producer: each, does: 'abort' }))]) {
        const producerId = BigInt(producer);
        if (does === 'write') {
          const records = [record(`m-${offset}`), record(`m-${offset + 1n}`)];
          log.push(atOffset(encodeBatch(client, records, { producerId, epoch: 0 }, 0, 0), offset));
          const written = records.map(({ id }, index) => ({ offset: offset + BigInt(index), id }));
          open.set(producerId, [...(open.get(producerId) ?? []), ...written]);
          offset += 2n;
          continue;
        }
        const transaction = open.get(producerId);
        if (transaction === undefined) continue;
        open.delete(producerId);
        if (does === 'commit') visible.push(...transaction);
        else aborted.push({ producerId, firstOffset: transaction[0]!.offset, lastOffset: offset });
        log.push(marker(producerId, offset, does as 'abort' | 'commit'));
        offset += 1n;
      }
      // A fetch begins anywhere in the log, and ends anywhere.
      const from = BigInt(Math.min(cut, Number(offset)));
      const first = log.findLastIndex((batch) => batch.readBigInt64BE(0) <= from);
      const bytes = Buffer.concat(log.slice(Math.max(0, first)));
      const start = log[Math.max(0, first)]?.readBigInt64BE(0) ?? 0n;
      const overlapping = aborted.filter(({ lastOffset }) => lastOffset >= start);
      const read = committed({ bytes, aborted: overlapping }, from);
      const expected = visible.filter((each) => each.offset >= from).sort((a, b) => Number(a.offset - b.offset));
      expect(read.lines).toEqual(expected.map(({ id }) => JSON.stringify({ messageId: id })));
      expect(read.nextOffset).toBe(offset);
    }),
  );
});

test('a transaction without its marker in the same answer is left out as well', () => {
  const bytes = atOffset(encodeBatch(client, [record('m')], PRODUCER, 0, 0), 5n);
  const read = committed({ bytes, aborted: [{ producerId: 7n, firstOffset: 2n }] }, 5n);
  expect(read).toMatchObject({ lines: [], nextOffset: 6n });
});

test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('a batch that is compressed with %s is read', (compression) => {
  const messages = [1n, 2n].map((timestamp) => ({
    ...{ topic: 't', partition: 0, key: Buffer.from('m'), headers: new Map([[Buffer.from('a'), Buffer.from('b')]]) },
    ...{ value: Buffer.from(JSON.stringify({ messageId: 'm', pad: 'x'.repeat(1000) })), timestamp },
  }));
  const bytes = Buffer.from(client.createRecordsBatch(messages, { compression }).buffer);
  const read = committed({ bytes, aborted: [] }, 0n);
  expect(read.lines).toEqual(messages.map(({ value }) => value.toString()));
});

test('what comes in parts can be gone on with behind each of them', () => {
  const sizes = fc.array(fc.integer({ min: 20, max: 200 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 1000 }), (lengths, maxChunkBytes) => {
      const ids = lengths.map((length, index) => `${index}`.padEnd(length, '.'));
      const half = ids.length >> 1;
      const batches = [ids.slice(0, half), ids.slice(half)].filter((part) => part.length > 0);
      const log = batches.map((part, index) => {
        const batch = encodeBatch(
          client,
          part.map((id) => record(id)),
          PRODUCER,
          0,
          0,
        );
        return atOffset(batch, BigInt(index === 0 ? 0 : half));
      });
      const fetched = { bytes: Buffer.concat(log), aborted: [] };
      const all = ids.map((id) => JSON.stringify({ messageId: id }));
      const { parts, lines, nextOffset } = committed(fetched, 0n, maxChunkBytes);
      expect(lines).toEqual(all);
      expect(nextOffset).toBe(BigInt(ids.length));
      let read = 0;
      for (const part of parts) {
        expect(part.count === 1 || part.bytes.length <= maxChunkBytes).toBe(true);
        expect(part.firstOffset).toBe(BigInt(read));
        read += part.count;
        expect(committed(fetched, part.nextOffset).lines).toEqual(all.slice(read));
      }
    }),
  );
});

test('a damaged batch is refused', () => {
  const batch = encodeBatch(client, [record('m')], PRODUCER, 0, 0);
  fc.assert(
    fc.property(fc.integer({ min: 16, max: batch.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = Buffer.from(batch);
      bytes[at]! ^= flip;
      expect(() => committed({ bytes, aborted: [] }, 0n)).toThrow(/record batch is damaged/);
    }),
  );
});

test('lines stay lines: a line feed in a value becomes a space, no value becomes null', () => {
  const messages = [Buffer.from('{"messageId":"m",\n\n"a":1}\n'), undefined].map((value) => ({
    ...{ topic: 't', partition: 0, key: Buffer.from('m'), headers: new Map(), timestamp: 0n },
    value: value as Buffer,
  }));
  const bytes = Buffer.from(client.createRecordsBatch(messages).buffer);
  const read = committed({ bytes, aborted: [] }, 0n);
  expect(read.lines).toEqual(['{"messageId":"m",  "a":1} ', 'null']);
});

test('records whose key is not their message id are counted', () => {
  const records = [
    record('m', '{"messageId" : "m"}'),
    record('m', '{"messageId":"mm"}'),
    record('d', '{"deviceId":"d","messageId":"m"}'),
    record('m', 'no message'),
    record('', '{"messageId":""}'),
  ];
  const bytes = encodeBatch(client, records, PRODUCER, 0, 0);
  expect(committed({ bytes, aborted: [] }, 0n).misrouted).toBe(3);
});
