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
  void run(job).catch(failure).then(post);
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
  const { packed, unpacked, likely } = job;
  return { kind: 'prove', proof: await proveStream(codec, packed, unpacked, likely), unpacked };
}

function failure(error: unknown): CodecFailure {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof OtaError)) return { kind: 'failure', message, endsEarly: error instanceof EndsEarly };
  return { kind: 'failure', message, code: error.code, suggestions: error.suggestions };
}

/** Sends bytes alone, not the buffer that they lie in with others, and hands them over instead of copying them. */
function post(result: JobResult): void {
  if (result.kind === 'failure') {
    parentPort!.postMessage(result);
    return;
  }
  const bytes = result.kind === 'encode' ? result.packed : result.unpacked;
  const alone = bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
  const sent = result.kind === 'encode' ? { ...result, packed: alone } : { ...result, unpacked: alone };
  parentPort!.postMessage(sent, [alone.buffer as ArrayBuffer]);
}
