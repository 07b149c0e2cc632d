import { type ChildProcess, spawn } from 'node:child_process';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { abortError } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import { ioError } from '../core/io-error.js';
import { escapeText } from '../core/text.js';
import type { PublicKey } from './public-key.js';
import { decodeSignature } from './signature-encoding.js';
import type { Signer } from './signer.js';

export interface CommandSignerOptions {
  /** Run by `/bin/sh -c`, as it stands: nothing is ever pasted into it. */
  readonly command: string;
  /** The public half of the key that the command signs with. */
  readonly publicKey: PublicKey;
  /** The command is killed after this time. */
  readonly timeoutMs?: number;
  /** Gets what the command says on stderr (a PIN prompt, "touch the token"). */
  readonly onStderr?: (text: string) => void;
  /**
   * Give the command a session of its own, so that everything it starts is killed with it. Not
   * on a terminal: such a session cannot ask for a PIN there.
   */
  readonly ownSession?: boolean;
}

const DEFAULT_TIMEOUT_MS = 120_000;
/** A signature takes 64 bytes, 89 in base64, 129 in hex. */
const MAX_OUTPUT_BYTES = 4096;

/**
 * A signer behind a command: the door to an HSM, a KMS, a smart card, or another program.
 *
 * The command gets exactly the bytes to sign on stdin and prints the signature on stdout: 64 raw
 * bytes, or their base64 or hex. `createSignature` verifies it before it is used.
 */
export function commandSigner({
  command,
  publicKey,
  timeoutMs = DEFAULT_TIMEOUT_MS,
  onStderr,
  ownSession = false,
}: CommandSignerOptions): Signer {
  return {
    publicKey,
    sign: async (message, signal) => {
      if (signal?.aborted) throw abortError(signal);
      await using stdin = await fileHolding(message);
      const child = spawn('/bin/sh', ['-c', command], { stdio: [stdin.fd, 'pipe', 'pipe'], detached: ownSession });
      const output = await outputOf(child, { timeoutMs, onStderr, signal, ownSession });
      const signature = decodeSignature(output);
      if (signature) return signature;
      throw failed(`printed ${output.byteLength} bytes that are no Ed25519 signature`, [
        'It must print 64 raw bytes, or their base64 or hex, and nothing else, on stdout.',
      ]);
    },
  };
}

interface RunOptions {
  timeoutMs: number;
  onStderr: ((text: string) => void) | undefined;
  signal: AbortSignal | undefined;
  ownSession: boolean;
}

/**
 * An open file with these bytes and no name. Not a pipe, which here is a socket underneath:
 * `-in /dev/stdin` cannot open that, and openssl must know the size of what it signs.
 */
async function fileHolding(bytes: Uint8Array): Promise<FileHandle> {
  const directory = await mkdtemp(join(tmpdir(), 'ota-sign-')).catch((error: unknown): never => {
    throw ioError(error, tmpdir());
  });
  try {
    const path = join(directory, 'message');
    const writing = await open(path, 'wx', 0o600);
    await writing.writeFile(bytes).finally(() => writing.close());
    return await open(path, 'r');
  } catch (error) {
    throw ioError(error, directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Runs the command to its end. @throws OtaError SIGNER_FAILED, INTERRUPTED, TERMINATED; the command is gone then */
async function outputOf(child: ChildProcess, options: RunOptions): Promise<Buffer> {
  const { timeoutMs, onStderr, signal, ownSession } = options;
  const stdout = child.stdout!;
  const stderr = child.stderr!;
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const stop = (error: OtaError) => {
    kill(child, ownSession);
    reject(error);
  };
  const timer = setTimeout(
    () => stop(failed(`did not finish within ${timeoutMs / 1000} s`, [TIMEOUT_HINT])),
    timeoutMs,
  );
  const onAbort = () => stop(abortError(signal!));
  signal?.addEventListener('abort', onAbort, { once: true });

  const chunks: Buffer[] = [];
  let outputBytes = 0;
  stdout.on('data', (chunk: Buffer) => {
    outputBytes += chunk.byteLength;
    if (outputBytes > MAX_OUTPUT_BYTES) stop(failed(`printed more than ${MAX_OUTPUT_BYTES} bytes`, [OUTPUT_HINT]));
    else chunks.push(chunk);
  });
  let lastWords = '';
  stderr.setEncoding('utf8').on('data', (text: string) => {
    lastWords = `${lastWords}${text}`.slice(-MAX_OUTPUT_BYTES);
    onStderr?.(text);
  });
  child.once('error', (error) => reject(failed(`could not be started: ${error.message}`)));
  child.once('close', (status, killedBy) => {
    if (status === 0) resolve(Buffer.concat(chunks));
    else
      reject(failed(`${killedBy ? `was ended by ${killedBy}` : `exited with status ${status}`}${lastLine(lastWords)}`));
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    stdout.destroy();
    stderr.destroy();
  }
}

function kill(child: ChildProcess, ownSession: boolean): void {
  if (child.pid === undefined) return;
  try {
    // A negative id names the whole group: the shell and all that it started.
    process.kill(ownSession ? -child.pid : child.pid, 'SIGKILL');
  } catch {
    // It ended in the meantime.
  }
}

function lastLine(text: string): string {
  const line = text.trimEnd().split('\n').at(-1)?.trim() ?? '';
  return line === '' ? '' : `: ${escapeText(line.slice(0, 300))}`;
}

const OUTPUT_HINT = 'It must print the signature and nothing else on stdout; messages belong on stderr.';
const TIMEOUT_HINT = 'Allow it more time with --signer-timeout-seconds.';

function failed(fact: string, suggestions: string[] = []): OtaError {
  return new OtaError('SIGNER_FAILED', `the signer command ${fact}`, suggestions);
}
