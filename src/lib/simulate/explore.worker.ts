import { parentPort, workerData } from 'node:worker_threads';
import type { Findings } from './findings.js';
import { experimentOf, type Materials } from './materials.js';
import { realUpdater } from './real-updater.js';
import type { Phase } from './scenario.js';
import { Laboratory, type Task } from './tasks.js';

/** What a thread starts from. */
export interface ExploreWorkerData {
  materials: Materials;
  scenarios: Phase[][];
}

/** What it answers to a task. */
export interface ExploreWorkerMessage {
  task: Task;
  findings: Findings;
}

const { materials, scenarios } = workerData as ExploreWorkerData;
const laboratory = experimentOf(materials, realUpdater).then((experiment) => new Laboratory(experiment, scenarios));

parentPort?.on('message', (task: Task) => {
  void answer(task); // a failure ends the thread and reaches the other one as its error
});

async function answer(task: Task): Promise<void> {
  const findings = await (await laboratory).run(task);
  parentPort?.postMessage({ task, findings } satisfies ExploreWorkerMessage);
}
