/** Streams that are worked on at the same time, and what they may have together, bytes: contents are held. */
const BATCH_STREAMS = 16;
const BATCH_BYTES = 1024 * 1024;

/** Cuts a list of streams into batches that are worked on together; a large stream is a batch of its own. */
export function* batches<Stream extends { packedBytes: number }>(found: readonly Stream[]): Generator<Stream[]> {
  let batch: Stream[] = [];
  let batchBytes = 0;
  for (const stream of found) {
    if (batch.length === BATCH_STREAMS || (batch.length > 0 && batchBytes + stream.packedBytes > BATCH_BYTES)) {
      yield batch;
      batch = [];
      batchBytes = 0;
    }
    batch.push(stream);
    batchBytes += stream.packedBytes;
  }
  if (batch.length > 0) yield batch;
}
