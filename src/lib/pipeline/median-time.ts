import type { DecodedBatch } from './decoded-batch.js';

const SAMPLES = 31;

/**
 * Time of a batch, in milliseconds since 1970: the median of up to 31 of its messages, which a few devices with
 * a wrong clock do not move. Undefined where no message of the sample has a time.
 */
export function medianTime(batches: readonly Pick<DecodedBatch, 'count' | 'timestamps'>[]): number | undefined {
  const total = batches.reduce((sum, { count }) => sum + count, 0);
  const step = Math.max(1, Math.floor(total / SAMPLES));
  const times: number[] = [];
  let next = 0;
  for (const { count, timestamps } of batches) {
    for (; next < count; next += step) if (!Number.isNaN(timestamps[next]!)) times.push(timestamps[next]!);
    next -= count;
  }
  return times.sort((a, b) => a - b)[times.length >>> 1];
}
