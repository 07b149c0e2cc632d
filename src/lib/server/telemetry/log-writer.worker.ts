import { parentPort, workerData } from 'node:worker_threads';
import { LogWriterThread } from './log-writer-thread.js';
import { answerCalls } from './thread-calls.js';

/** The one thread that writes the embedded telemetry log. */
answerCalls(parentPort!, new LogWriterThread(workerData, parentPort!).api);
