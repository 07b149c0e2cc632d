import type { Readable } from 'node:stream';
import { OtaError } from '../core/errors.js';
import { AttemptFailure, connectionFailure } from '../net/attempt-failure.js';
import type { HttpLimits } from '../net/http-policy.js';
import { MinimumRate } from '../net/minimum-rate.js';
import type { Pacing } from '../net/pacing.js';

export interface ReadAnswerOptions {
  /** What was asked for, for the message. */
  readonly path: string;
  readonly maxBytes: number;
  readonly limits: Pick<HttpLimits, 'minimumBytesPerSecond' | 'rateWindowMs'>;
  readonly pacing: Pacing;
}

/**
 * The whole body of an answer.
 *
 * @throws OtaError LIMIT_EXCEEDED: longer than allowed; NETWORK_FAILED: cut off
 * @throws AttemptFailure for what another attempt may mend, a server that sends a byte now and then among it
 */
export async function readAnswer(body: Readable, options: ReadAnswerOptions): Promise<Buffer> {
  const { path, maxBytes, limits, pacing } = options;
  const rate = new MinimumRate(limits.minimumBytesPerSecond, limits.rateWindowMs);
  const chunks: Buffer[] = [];
  let size = 0;
  let from = pacing.monotonicMs();
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) {
        throw new OtaError('LIMIT_EXCEEDED', `${path}: the server sends more than ${maxBytes} bytes`);
      }
      chunks.push(chunk);
      const now = pacing.monotonicMs();
      if (rate.tooSlowAfter(chunk.length, now - from) !== undefined) throw tooSlow(path);
      from = now;
    }
  } catch (error) {
    throw error instanceof OtaError || error instanceof AttemptFailure ? error : connectionFailure(error, path);
  }
  return Buffer.concat(chunks, size);
}

function tooSlow(path: string): AttemptFailure {
  return new AttemptFailure(
    new OtaError('NETWORK_FAILED', `${path}: the answer comes a few bytes at a time, and would take for ever`, [
      'Try again; if it stays, tell the operator of the server.',
    ]),
  );
}
