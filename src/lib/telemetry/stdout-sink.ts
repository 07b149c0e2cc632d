import type { Writable } from 'node:stream';
import { OtaError } from '../core/errors.js';
import { ioError, systemCode } from '../core/io-error.js';
import type { Sink } from './sink.js';

/**
 * NDJSON into a pipe: at least once, since nobody can be asked what arrived there. A write is done when the
 * system has taken it.
 *
 * @param stream standard output
 */
export function stdoutSink(stream: Writable): Sink {
  return {
    id: 'stdout',
    guarantee: 'at-least-once',
    async write({ runs }) {
      for (const [index, run] of runs.entries()) {
        const isLast = index === runs.length - 1;
        if (isLast || stream.writableNeedDrain) await written(stream, run);
        else stream.write(run);
      }
      return undefined;
    },
    async close() {},
  };
}

/** Resolves when `bytes` and everything before it was taken. */
function written(stream: Writable, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => {
      if (error) reject(systemCode(error) === 'EPIPE' ? readerGone(error) : ioError(error, 'stdout'));
      else resolve();
    });
  });
}

function readerGone(cause: Error): OtaError {
  return new OtaError(
    'IO_FAILED',
    'stdout: whoever read it has ended',
    ['The next run goes on with the messages that were not taken.'],
    { cause },
  );
}
