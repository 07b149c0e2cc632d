import { type Advance, advance } from './advance.js';
import { diskDigest, poweredUp } from './disk.js';
import type { Experiment } from './experiment.js';
import type { Ending } from './findings.js';
import { BIRTH, type Life, lifeDigest } from './life.js';
import { restless, stepsAtMost } from './patience.js';
import { runStep, type StepRun, type Traces, traceName, type WatchedOperation } from './run-step.js';
import type { Phase } from './scenario.js';
import { StepTraces } from './step-traces.js';

/** Steps that were run: by the whole disk, and by what they looked at on it. */
export class StepMemory {
  readonly runs = new Map<string, StepRun>();
  readonly traces: Traces = new StepTraces();

  keep(key: string, run: StepRun): void {
    // Each holds a few kilobytes.
    if (this.runs.size >= 20_000) this.runs.clear();
    this.runs.set(key, run);
  }
}

/** Of a life that is over. */
export const NOTHING_MORE: Ending = { boots: 0, operations: 0, slotBytes: 0, fetchedBytes: 0, firstBoot: 'none' };

/**
 * What becomes of lives when nothing more happens to them. A step depends on nothing but disk and firmware, and what
 * becomes of a life on nothing but that life: both are remembered, so that equal states are run once.
 */
export class Futures {
  readonly #experiment: Experiment;
  readonly #phases: readonly Phase[];
  readonly #memory: StepMemory;
  readonly #endings = new Map<string, Ending>();
  readonly #stepsAtMost: number;

  /** @param memory shared by the scenarios of one experiment */
  constructor(experiment: Experiment, phases: readonly Phase[], memory: StepMemory) {
    this.#experiment = experiment;
    this.#phases = phases;
    this.#memory = memory;
    this.#stepsAtMost = stepsAtMost(experiment, phases);
  }

  get birth(): Life {
    return { disk: poweredUp(this.#experiment.factory), memory: BIRTH };
  }

  /** Runs the next step with all its operations. */
  async watch(life: Life): Promise<{ run: StepRun; operations: WatchedOperation[] }> {
    return await runStep(this.#experiment, this.#phases[life.memory.phase]!, life, this.#memory);
  }

  async ending(from: Life): Promise<Ending> {
    const walked: { key: string; run: StepRun; then: Advance; phase: number }[] = [];
    const seen = new Set<string>();
    let life = from;
    let ending = NOTHING_MORE;
    while (life.memory.next !== 'done') {
      const key = lifeDigest(life);
      const known = this.#endings.get(key);
      if (known !== undefined) {
        ending = known;
        break;
      }
      if (seen.has(key) || walked.length === this.#stepsAtMost) {
        ending = { ...NOTHING_MORE, violation: restless() };
        break;
      }
      seen.add(key);
      const run = await this.#step(life);
      const then = advance(this.#experiment, this.#phases, life, run);
      if ('invariant' in then) {
        ending = plus({ ...NOTHING_MORE, violation: then }, run, life.memory.next === 'boot');
        this.#endings.set(key, ending);
        break;
      }
      walked.push({ key, run, then, phase: life.memory.phase });
      life = then.life;
    }
    for (const { key, run, then, phase } of walked.reverse()) {
      const reached = then.life.memory.phase !== phase || then.life.memory.next === 'done';
      ending = plus(reached ? { ...ending, boots: 0 } : ending, run, then.booted !== undefined);
      if (then.booted !== undefined) ending = { ...ending, firstBoot: then.booted };
      this.#endings.set(key, ending);
    }
    return ending;
  }

  async #step(life: Life): Promise<StepRun> {
    const phase = this.#phases[life.memory.phase]!;
    const key = `${traceName(phase, life, this.#experiment)} ${diskDigest(life.disk)}`;
    const known = this.#memory.runs.get(key);
    if (known !== undefined) return known;
    const { run } = await runStep(this.#experiment, phase, life, this.#memory);
    this.#memory.keep(key, run);
    return run;
  }
}

function plus(ending: Ending, run: StepRun, isBoot: boolean): Ending {
  return {
    ...ending,
    boots: ending.boots + (isBoot ? 1 : 0),
    operations: ending.operations + run.operationCount,
    slotBytes: ending.slotBytes + run.slotBytes,
    fetchedBytes: ending.fetchedBytes + run.fetchedBytes,
  };
}
