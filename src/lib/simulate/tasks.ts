import { randomNumbers } from '../core/random-numbers.js';
import type { Experiment } from './experiment.js';
import { Explorer, type OrdinaryViolation, type WatchedStep } from './explore.js';
import { type Findings, type FoundViolation, noFindings } from './findings.js';
import { StepMemory } from './futures.js';
import type { Operation } from './operation.js';
import type { Cuts } from './plan.js';
import type { Phase } from './scenario.js';

/** A piece of an exploration that can be done by itself, in any order. */
export type Task = { scenario: number } & (
  | { kind: 'operation'; step: number; operation: number; pairs: boolean }
  | { kind: 'harm'; step: number }
  | { kind: 'random'; run: number; faults: number }
);

/** The scenarios of one experiment, each with its life without faults. */
export class Laboratory {
  readonly #experiment: Experiment;
  readonly #scenarios: readonly (readonly Phase[])[];
  readonly #memory = new StepMemory();
  readonly #explored = new Map<number, { explorer: Explorer; life: Promise<WatchedStep[]> }>();

  constructor(experiment: Experiment, scenarios: readonly (readonly Phase[])[]) {
    this.#experiment = experiment;
    this.#scenarios = scenarios;
  }

  /** The life without faults. @throws OrdinaryViolation */
  async life(scenario: number): Promise<WatchedStep[]> {
    return await this.#scenario(scenario).life;
  }

  /** Every fault of a life, or so many lives with random ones. */
  async tasks(scenario: number, { cuts, runs }: { cuts: Cuts; runs: number }): Promise<Task[]> {
    if (cuts.kind === 'random') {
      return Array.from({ length: runs }, (_, run) => ({ scenario, kind: 'random', run, faults: cuts.faults }));
    }
    const { explorer, life } = this.#scenario(scenario);
    const pairs = cuts.kind === 'pairs';
    return (await life).flatMap((watched, step): Task[] => {
      if (!explorer.isExplored(watched)) return [];
      const operations = watched.operations.map(
        (_, operation): Task => ({ scenario, kind: 'operation', step, operation, pairs }),
      );
      return [{ scenario, kind: 'harm', step }, ...operations];
    });
  }

  async run(task: Task): Promise<Findings> {
    const { explorer, life } = this.#scenario(task.scenario);
    if (task.kind === 'random') {
      return await explorer.randomLife(task.faults, randomNumbers(this.#experiment.seed + task.run * 0x9e3779b1));
    }
    const step = (await life)[task.step]!;
    if (task.kind === 'harm') return await explorer.harmBefore(step, task.step);
    return await explorer.faultsAt(step, task.operation, { pairs: task.pairs });
  }

  #scenario(scenario: number) {
    const known = this.#explored.get(scenario);
    if (known !== undefined) return known;
    const explorer = new Explorer(this.#experiment, this.#scenarios[scenario]!, this.#memory);
    const explored = { explorer, life: explorer.undisturbed() };
    explored.life.catch(() => {}); // whoever needs it meets the failure
    this.#explored.set(scenario, explored);
    return explored;
  }
}

/** About as many fault points as a task has: for the time that is left. */
export function weightOf(task: Task, life: readonly WatchedStep[], writeAlignmentBytes: number): number {
  if (task.kind === 'random') return task.faults;
  if (task.kind === 'harm') return 7;
  const { kind, length = 0 }: Operation = life[task.step]!.operations[task.operation]!;
  if (kind === 'write') return 8 + (2 * length) / writeAlignmentBytes;
  return kind === 'erase' ? 40 : 6;
}

/** A life that goes wrong without any fault. */
export function ordinaryFinding({ violation }: OrdinaryViolation): Findings {
  const found: FoundViolation = { ...violation, faults: [] };
  return { ...noFindings(), violated: 1, violations: [found] };
}
