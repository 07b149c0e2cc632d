import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { untilAborted } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import { ioError } from '../core/io-error.js';
import { openPrivateDirectory } from '../core/private-directory.js';
import { escapeText } from '../core/text.js';
import { overLimit } from './answer.js';
import type { HttpPolicy } from './http-policy.js';
import { PartialFile } from './partial-file.js';
import { isAddress, parseSourceUrl, printableUrl } from './source-url.js';

/** An input as a file that can be read by position, wherever it came from. */
export interface LocalInput extends AsyncDisposable {
  readonly path: string;
  /** What a person would call it; safe to print as far as secrets go, not escaped. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** The file is a private copy that disposal removes. */
  readonly spooled: boolean;
}

/** Somebody who watches an input arrive. Where it fails, the error is all that is said. */
export interface Arrival {
  update(receivedBytes: number, totalBytes?: number): void;
  done(): void;
}

export interface LocalInputOptions {
  /** Largest acceptable input, bytes. */
  maxBytes: number;
  /** Overrides what the input is called. */
  name?: string | undefined;
  signal?: AbortSignal | undefined;
  /** Called once for an input that has to be received first; `name` is what a person would call it. */
  onArrival?: ((name: string) => Arrival) | undefined;
  http?: HttpPolicy | undefined;
  /** What `-` means. */
  stdin?: Readable | undefined;
}

/**
 * Makes an input available as a local file: a path as it is, `-` and http(s) addresses as a private copy.
 *
 * @throws OtaError LIMIT_EXCEEDED beyond `maxBytes`, NOT_FOUND, and what `download` throws; no copy stays behind
 */
export async function openLocalInput(spec: string, options: LocalInputOptions): Promise<LocalInput> {
  const { onArrival } = options;
  if (spec === '-') {
    const name = options.name ?? 'stdin';
    return spool(name, 'input', onArrival, (path, onBytes) => saveStdin(path, options, onBytes));
  }
  if (!isAddress(spec)) return openPath(spec, options);
  const url = parseSourceUrl(spec);
  return spool(options.name ?? printableUrl(url), fileNameOf(url), onArrival, async (path, onProgress) => {
    // Loaded here, so that commands on local files start without an HTTP client.
    const { download } = await import('./download.js');
    return download(url, path, { ...options, policy: options.http, onProgress });
  });
}

async function openPath(path: string, { maxBytes, name = path }: LocalInputOptions): Promise<LocalInput> {
  const stats = await stat(path).catch((error: unknown) => {
    throw ioError(error, path);
  });
  if (!stats.isFile()) {
    throw new OtaError('IO_FAILED', `${escapeText(name)}: not a regular file`, [
      'Name a file, an address, or - for stdin.',
    ]);
  }
  if (stats.size > maxBytes) throw overLimit(name, maxBytes);
  return { path, name, size: stats.size, spooled: false, [Symbol.asyncDispose]: async () => undefined };
}

async function spool(
  name: string,
  fileName: string,
  onArrival: LocalInputOptions['onArrival'],
  fill: (path: string, onBytes: Arrival['update']) => Promise<{ size: number }>,
): Promise<LocalInput> {
  const directory = await openPrivateDirectory();
  try {
    const path = join(directory.path, fileName);
    const arrival = onArrival?.(name);
    const { size } = await fill(path, (received, total) => arrival?.update(received, total));
    arrival?.done();
    return { path, name, size, spooled: true, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
  } catch (error) {
    await directory[Symbol.asyncDispose]();
    throw error;
  }
}

async function saveStdin(
  path: string,
  { stdin, maxBytes, signal, name = 'stdin' }: LocalInputOptions,
  onBytes: Arrival['update'],
): Promise<{ size: number }> {
  if (stdin === undefined || ('isTTY' in stdin && stdin.isTTY === true)) {
    throw new OtaError('USAGE', 'An input is read from stdin, but nothing is piped into it', [
      'Pipe a file into the command, or name the file instead of -.',
    ]);
  }
  if (stdin.readableEnded) {
    throw new OtaError('USAGE', 'stdin is named for two inputs, but can be read once', [
      'Name a file for one of them.',
    ]);
  }
  const file = await PartialFile.create(path);
  try {
    for await (const chunk of untilAborted<Uint8Array>(stdin, signal)) {
      if (file.size + chunk.byteLength > maxBytes) throw overLimit(name, maxBytes);
      await file.append(chunk);
      onBytes(file.size);
    }
    return { size: file.size };
  } catch (error) {
    throw ioError(error, name);
  } finally {
    await file.close();
  }
}

/** The last part of an address, for tools that look at it; anything unusual becomes a plain word. */
function fileNameOf(url: URL): string {
  const name = basename(url.pathname);
  return /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/.test(name) ? name : 'input';
}
