import { parentPort, workerData } from 'node:worker_threads';
import { LogReader } from './log-reader.js';
import type { PageRequest, ReadRequest, SampleRequest } from './telemetry-log.js';
import { answerCalls } from './thread-calls.js';

/** A thread that reads the embedded telemetry log, so that neither requests nor the writer wait for it. */
const reader = new LogReader((workerData as { directory: string }).directory);

const api = {
  read: ({ request, lastSeq }: { request: ReadRequest; lastSeq: number }) => reader.read(request, lastSeq),
  page: (request: PageRequest) => reader.page(request),
  sample: (request: SampleRequest) => reader.sample(request),
  seqBefore: ({ time, lastSeq }: { time: number; lastSeq: number }) => reader.seqBefore(time, lastSeq),
};
export type LogReaderApi = typeof api;

answerCalls(parentPort!, api);
