import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { abortError, throwIfAborted } from '../../core/abort.js';
import { entryPoint } from '../../core/entry-point.js';
import { OtaError } from '../../core/errors.js';
import { chunksOf, openFile } from '../../core/file-access.js';
import { escapeText } from '../../core/text.js';
import type { ProducerJob } from '../worker-patch.js';
import type { Bsdiff40Message } from './bsdiff40.child.js';

/**
 * Makes a `bsdiff40` patch with the optional library bsdiff-node.
 *
 * The library runs in a child process: it leaks, rejects with strings, needs
 * about 17 times the base's size of memory and crashes on some large images.
 *
 * @yields the patch
 * @throws OtaError TOOL_MISSING when the library is not installed or does not
 *   load, TOOL_FAILED when it fails or crashes, INTERRUPTED, TERMINATED
 */
export async function* produceBsdiff40({ base, target, signal, onProgress }: ProducerJob): AsyncGenerator<Uint8Array> {
  throwIfAborted(signal);
  const directory = await mkdtemp(join(tmpdir(), 'ota-bsdiff-'));
  try {
    const patchPath = join(directory, 'patch');
    await runChild([base.name, target.name, patchPath], target.name, { signal, onProgress });
    if (!existsSync(patchPath)) throw toolFailed(target.name, 'it ended well, but wrote no patch');
    await using patch = await openFile(patchPath);
    yield* chunksOf(patch, { signal });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function runChild(
  paths: string[],
  targetName: string,
  { signal, onProgress }: Pick<ProducerJob, 'signal' | 'onProgress'>,
): Promise<void> {
  throwIfAborted(signal); // raised meanwhile: the listener would come too late
  const child = fork(fileURLToPath(entryPoint('delta/bsdiff/bsdiff40.child')), paths, {
    execArgv: [],
    stdio: 'ignore',
  });
  const ended = Promise.withResolvers<string>();
  const onAbort = () => child.kill('SIGKILL'); // it holds nothing that would need to be tidied up
  signal?.addEventListener('abort', onAbort, { once: true });
  let last: Bsdiff40Message | undefined;
  child.on('message', (message: Bsdiff40Message) => {
    if (message.kind === 'progress') onProgress(Math.min(message.percent, 100) / 100);
    else last = message;
  });
  child.on('error', ended.reject);
  child.on('exit', (status, signalName) =>
    ended.resolve(signalName === null ? `status ${status}` : `signal ${signalName}`),
  );
  try {
    const ending = await ended.promise;
    if (signal?.aborted) throw abortError(signal);
    if (last?.kind === 'done') return;
    if (last?.kind === 'missing') throw toolMissing(last.reason);
    throw toolFailed(targetName, last?.kind === 'failed' ? last.reason : `its process ended with ${ending}`);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

function toolMissing(reason: string): OtaError {
  return new OtaError('TOOL_MISSING', `The optional library bsdiff-node is not usable here: ${escapeText(reason)}`, [
    'Use --format bsdf2, which needs no other tool.',
    'Or run `npm install bsdiff-node@2.5.0` where ota-fleet is installed; it needs Python 3 and a C++ compiler.',
  ]);
}

function toolFailed(targetName: string, reason: string): OtaError {
  return new OtaError('TOOL_FAILED', `${targetName}: bsdiff-node could not make a patch: ${escapeText(reason)}`, [
    'Use --format bsdf2, which has no such limits.',
  ]);
}
