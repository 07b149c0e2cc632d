import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { OtaError } from '../core/errors.js';
import { ioError, systemCode } from '../core/io-error.js';
import { escapeText } from '../core/text.js';

/**
 * One request, as somebody sees it who looks for what went wrong. Neither headers nor bodies are in it, so that no
 * credential can be.
 */
export interface TracedRequest {
  /** RFC 3339. */
  readonly time: string;
  readonly method: string;
  readonly url: string;
  /** Null: there was no answer, and `error` says why. */
  readonly status: number | null;
  /** Until the headers of the answer. */
  readonly durationMs: number;
  /** Null: unknown before the end. */
  readonly requestBytes: number | null;
  readonly responseBytes: number | null;
  /** From 1. */
  readonly attempt: number;
  readonly error: string | null;
}

/** Told of requests when their answer begins, or is known not to come. */
export interface HttpTrace extends Disposable {
  tell(request: TracedRequest): void;
}

/**
 * Writes requests to a file that only its owner reads, a line of JSON each, at once: what a process was doing when it was
 * killed is there.
 *
 * @throws OtaError OUTPUT_EXISTS, and those of opening a file
 */
export function openHttpTrace(path: string): HttpTrace {
  const { O_CREAT, O_EXCL, O_WRONLY } = constants;
  // Exclusively: neither a file of somebody else's nor what a symbolic link leads to is written.
  const file = opened(() => openSync(path, O_CREAT | O_EXCL | O_WRONLY, 0o600), path);
  let isOpen = true;
  const close = () => {
    if (isOpen) closeSync(file);
    isOpen = false;
  };
  return {
    tell(request) {
      if (!isOpen) return;
      try {
        writeSync(file, `${JSON.stringify({ ...request, url: withoutSecrets(request.url) })}\n`);
      } catch {
        // A full disk ends the trace, not what is traced.
        close();
      }
    },
    [Symbol.dispose]: close,
  };
}

function opened(open: () => number, path: string): number {
  try {
    return open();
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw ioError(error, path);
    throw new OtaError('OUTPUT_EXISTS', `${escapeText(path)} is there already, and a trace needs a new file`, [
      'Remove it, or name another one.',
    ]);
  }
}

/** No request of ours has any in its address; what a later one may have does not get out either. */
function withoutSecrets(address: string): string {
  const url = new URL(address);
  url.username = '';
  url.password = '';
  for (const name of [...url.searchParams.keys()]) {
    if (/token|secret|password|signature|credential/i.test(name)) url.searchParams.set(name, 'redacted');
  }
  return url.href;
}
