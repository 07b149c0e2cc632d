import { OtaError } from '../core/errors.js';
import { type Advance, advance } from './advance.js';
import { crashStates, idleCrashStates } from './crash-states.js';
import { type Disk, type DiskState, poweredUp } from './disk.js';
import type { Experiment } from './experiment.js';
import { DISK_FAULTS, type DiskFault } from './faults.js';
import type { Fault } from './findings.js';
import { Garbage } from './garbage.js';
import { harmedDisks, NeededImages } from './harm.js';
import type { Broken } from './invariants.js';
import { BIRTH, type Life, lifeDigest, memoryAfterCut, memoryAfterHarm } from './life.js';
import { modelText, placeText } from './model-text.js';
import { brokenByUnrest, restless, stepsAtMost } from './patience.js';
import { runStep, type StepRun, type WatchedOperation } from './run-step.js';
import type { Phase } from './scenario.js';

/** A life with faults, lived for real: the power is cut under the updater, which may do what it likes then. */
export interface Replay {
  /** What was done to the device and what it did, one line a step. */
  trace: string[];
  violation?: Broken;
}

/**
 * Lives a life again with exactly these faults.
 *
 * @throws OtaError SIMULATION_INVALID: a fault does not fit what the device does
 */
export async function replayLife(
  experiment: Experiment,
  phases: readonly Phase[],
  faults: readonly Fault[],
): Promise<Replay> {
  const replay = new ReplayedLife(experiment, phases, faults);
  return await replay.live();
}

class ReplayedLife {
  readonly #experiment: Experiment;
  readonly #phases: readonly Phase[];
  readonly #faults: Fault[];
  readonly #garbage: Garbage;
  readonly #trace: string[] = [];
  #life: Life;
  #operations = 0;
  #steps = 0;
  /** Faults. */
  #happened = 0;
  /** Since the last of them, in the phase that it hit. */
  #boots = 0;
  readonly #needed = new NeededImages();
  /** Lives since the last fault: one that comes back does so for ever. */
  #seen = new Set<string>();

  constructor(experiment: Experiment, phases: readonly Phase[], faults: readonly Fault[]) {
    this.#experiment = experiment;
    this.#phases = phases;
    this.#faults = [...faults];
    this.#garbage = new Garbage(experiment.seed);
    this.#life = { disk: poweredUp(experiment.factory), memory: BIRTH };
  }

  async live(): Promise<Replay> {
    while (this.#life.memory.next !== 'done') {
      const violation = await this.#step();
      if (violation !== undefined) {
        if (this.#faults.length > 0) throw misfit(`the life ends before ${describe(this.#faults[0]!)}`);
        this.#trace.push(`violated: ${violation.message}`);
        return { trace: this.#trace, violation };
      }
    }
    if (this.#faults.length > 0) throw misfit(`the life ends before ${describe(this.#faults[0]!)}`);
    return { trace: this.#trace };
  }

  async #step(): Promise<Broken | undefined> {
    this.#harm();
    const digest = lifeDigest(this.#life);
    if (this.#seen.has(digest) || this.#seen.size === stepsAtMost(this.#experiment, this.#phases)) return restless();
    this.#seen.add(digest);
    const { memory } = this.#life;
    const phase = this.#phases[memory.phase]!;
    const fault = this.#faults[0];
    const at = fault !== undefined && 'operation' in fault ? fault.operation - this.#operations : undefined;
    const model = fault?.model ?? '';
    const disk = diskFaultOf(model);
    const isIdle = model.startsWith('idle');
    const { run, operations: watched } = await runStep(this.#experiment, phase, this.#life, {
      ...(at !== undefined && at >= 0 && disk === undefined && !isIdle ? { cutAt: at } : {}),
      ...(at !== undefined && at >= 0 && disk !== undefined ? { fault: { operation: at, fault: disk } } : {}),
    });
    this.#steps++;
    this.#operations += run.operationCount;
    if (run.isCut) return this.#cut(model, watched, phase);
    if (run.faultHappened) this.#tell(`${placeText(watched[at!]!)}: ${modelText(model)}`, memory.next);
    const then = advance(this.#experiment, this.#phases, this.#life, run, run.faultHappened);
    this.#tell(resultOf(run, 'booted' in then ? then.booted : undefined), memory.next);
    if ('invariant' in then) {
      if (run.faultHappened) this.#next();
      return then;
    }
    this.#remember(run);
    const unrest = this.#count(then);
    this.#life = then.life;
    if (unrest !== undefined) return unrest;
    if (run.faultHappened) {
      this.#next();
      if (model.endsWith('-lost')) this.#powerUp(run.disk.durable);
    } else if (isIdle && at === run.operationCount - 1) {
      this.#tell(modelText(model), memory.next);
      this.#powerUp(this.#stateOf(model, idleCrashStates(run.disk, this.#experiment.geometry, this.#garbage)));
      this.#next();
    }
    return undefined;
  }

  /** Boots since the last fault: once the goal of that phase is reached, their number is judged. */
  #count({ life, booted }: Advance): Broken | undefined {
    if (booted !== undefined) this.#boots++;
    const { memory } = this.#life;
    if (life.memory.phase === memory.phase && life.memory.next !== 'done') return undefined;
    const [boots, faults] = [this.#boots, this.#happened];
    this.#boots = Number.NEGATIVE_INFINITY;
    if (this.#faults.length > 0) return undefined;
    return brokenByUnrest(this.#experiment, this.#phases, { boots, faults });
  }

  #cut(model: string, watched: readonly WatchedOperation[], phase: Phase): undefined {
    const operation = watched.at(-1)!;
    this.#tell(`${placeText(operation)}: ${modelText(model)}`, this.#life.memory.next);
    const state = this.#stateOf(model, crashStates(operation, this.#experiment.geometry, this.#garbage));
    const memory = memoryAfterCut(this.#life.memory, phase, operation.progress.badRuns);
    this.#life = { disk: poweredUp(state), memory };
    this.#next();
  }

  #harm(): void {
    const fault = this.#faults[0];
    if (fault === undefined || !('step' in fault) || fault.step !== this.#steps) return;
    const { disk, memory } = this.#life;
    const harms = [...harmedDisks(disk.view, this.#needed.files, this.#experiment, this.#garbage)];
    const harm = harms.find(({ model }) => model === fault.model);
    if (harm === undefined) throw misfit(`${fault.model} is no fault that can happen there`);
    this.#trace.push(modelText(fault.model));
    this.#life = { disk: poweredUp(harm.state), memory: memoryAfterHarm(memory, harm.harmed) };
    this.#next();
  }

  #stateOf(model: string, states: Iterable<{ model: string; state: DiskState }>): DiskState {
    for (const each of states) if (each.model === model) return each.state;
    throw misfit(`${model} is no fault that can happen there`);
  }

  #powerUp(state: DiskState): void {
    const disk: Disk = poweredUp(state);
    this.#life = { disk, memory: { ...this.#life.memory, next: 'boot' } };
  }

  #next(): void {
    this.#faults.shift();
    this.#happened++;
    this.#boots = 0;
    this.#seen = new Set();
  }

  #remember({ outcome }: StepRun): void {
    if (outcome !== undefined) this.#needed.booted(outcome);
  }

  #tell(what: string, step: string): void {
    this.#trace.push(`${step}: ${what}`);
  }
}

function resultOf({ error, outcome, ran, badRuns }: StepRun, booted: 'old' | 'new' | 'none' | undefined): string {
  if (error !== undefined) return `fails: ${error.message}`;
  if (outcome === undefined) return 'done';
  const release = booted === undefined || booted === 'none' ? 'something' : `the ${booted} release`;
  const state = outcome.onTrial ? 'on trial' : 'confirmed';
  return `${release} boots, ${state}${badRuns > 0 && ran.length > 0 ? ', and its firmware fails' : ''}`;
}

function diskFaultOf(model: string): DiskFault | undefined {
  const name = model.endsWith('-lost') ? model.slice(0, -'-lost'.length) : model;
  return DISK_FAULTS.find((fault) => fault === name);
}

function describe(fault: Fault): string {
  return 'operation' in fault ? `operation ${fault.operation}` : `step ${fault.step}`;
}

function misfit(fact: string): OtaError {
  return new OtaError('SIMULATION_INVALID', `replay: ${fact}`, [
    'Give the package, base images, layout, boots and trust that the token was made with.',
  ]);
}
