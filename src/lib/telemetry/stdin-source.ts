import { untilAborted } from '../core/abort.js';
import { LineSplitter, type WholeLines } from './line-splitter.js';
import { MAX_LINE_BYTES } from './message.js';
import type { Source } from './source.js';

/**
 * NDJSON from a pipe. It cannot be read again: lines that were read and not committed when the process dies are
 * gone unless whoever wrote them writes them again, from any point before.
 *
 * @param stream standard input, or any stream of bytes
 */
export function stdinSource(stream: AsyncIterable<Uint8Array>): Source {
  return {
    id: 'stdin',
    recovery: 'none',
    async *read(_from, signal, limits) {
      const splitter = new LineSplitter(MAX_LINE_BYTES, { bytes: 0, lines: 0 });
      const chunk = (lines: WholeLines) => ({ ...lines, position: { bytes: splitter.bytes, lines: splitter.lines } });
      try {
        for await (const block of untilAborted(stream, signal)) {
          const partBytes = limits?.maxChunkBytes ?? block.length;
          for (let at = 0; at < block.length; at += partBytes) {
            const lines = splitter.push(block.subarray(at, at + partBytes));
            if (lines !== undefined) yield chunk(lines);
          }
        }
      } catch (error) {
        if (!signal.aborted) throw error;
        return; // what was read stays read; half a line is nothing
      }
      const open = splitter.open();
      if (open !== undefined) yield chunk(open);
    },
    async committed() {},
    lag: () => undefined,
    async close() {},
  };
}
