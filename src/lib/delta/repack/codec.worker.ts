import { parentPort, workerData } from 'node:worker_threads';
import { OtaError } from '../../core/errors.js';
import { EndsEarly } from './codec.js';
import type { CodecFailure, CodecJob, CodecResult, JobResult } from './codec-job.js';
import { passNativeGate } from './codecs/lzma-library.js';
import { findCodec } from './codecs.js';
import { applyCorrections } from './corrections.js';
import { proveStream } from './prove-stream.js';

/** What the pool hands over. */
export interface CodecWorkerData {
  gate: SharedArrayBuffer;
}

passNativeGate((workerData as CodecWorkerData).gate);

parentPort?.on('message', (job: CodecJob) => {
  void run(job)
    .catch(failure)
    .then((result) => parentPort!.postMessage(result, transferable(result)));
});

async function run(job: CodecJob): Promise<CodecResult> {
  const codec = await findCodec(job.codec);
  if (codec === undefined) throw new Error(`no codec ${job.codec}`);
  if (job.kind === 'decode') {
    const { unpacked, packedBytes } = await codec.decode(job.packed, job.maxBytes);
    if (unpacked.length > job.maxBytes) throw new Error(`the stream unpacks to more than ${job.maxBytes} bytes`);
    return { kind: 'decode', unpacked, packedBytes };
  }
  if (job.kind === 'encode') {
    const made = await codec.encode(job.settings, job.unpacked);
    return { kind: 'encode', packed: applyCorrections(made, job.corrections) };
  }
  return { kind: 'prove', proof: await proveStream(codec, job.packed, job.unpacked, job.likely) };
}

function failure(error: unknown): CodecFailure {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof OtaError)) return { kind: 'failure', message, endsEarly: error instanceof EndsEarly };
  return { kind: 'failure', message, code: error.code, suggestions: error.suggestions };
}

/** Buffers that belong to the result alone are handed over instead of copied. */
function transferable(result: JobResult): ArrayBuffer[] {
  const bytes = result.kind === 'decode' ? result.unpacked : result.kind === 'encode' ? result.packed : undefined;
  if (bytes === undefined || bytes.byteLength !== bytes.buffer.byteLength) return [];
  return bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : [];
}
