import type { LineChunk } from './line-chunk.js';

/**
 * Passes the lines of one source on: later, more often, in another order.
 *
 * Positions stay honest: that of a chunk never lies behind a line which is still held back, since everything
 * before a position counts as done once the chunk is.
 */
export type LineStage = (
  lines: AsyncIterable<LineChunk>,
  source: string,
  signal: AbortSignal,
) => AsyncIterable<LineChunk>;
