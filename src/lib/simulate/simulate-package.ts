import { OtaError } from '../core/errors.js';
import type { Experiment } from './experiment.js';
import { OrdinaryViolation, type WatchedStep } from './explore.js';
import { addFindings, type Findings, noFindings } from './findings.js';
import type { Invariant } from './invariants.js';
import { experimentOf, type Materials, materialsOf } from './materials.js';
import { exploreInParallel } from './parallel.js';
import { cutsName, everyBoots } from './plan.js';
import { realUpdater } from './real-updater.js';
import { type Replay, replayLife } from './replay.js';
import { decodeReplayToken, encodeReplayToken, seedOfReplayToken } from './replay-token.js';
import type { OperationReport, ScenarioReport, SimulationReport, Violation } from './report.js';
import type { SimulationRequest } from './request.js';
import { type BootsSpec, type Phase, phasesOf } from './scenario.js';
import { shrink } from './shrink.js';
import { Laboratory, ordinaryFinding, type Task, weightOf } from './tasks.js';

/** Lives with random cuts, where nobody says how many. */
const DEFAULT_RUNS = 1000;

/** A life that will be explored. */
interface Scenario {
  boots: BootsSpec;
  phases: Phase[];
  /** Absent where the updater fails without any fault. */
  life?: WatchedStep[];
  /** Why the life has no rollback. */
  noRollback?: string;
  findings: Findings;
  /** By index of the operation. */
  operations: Map<number, OperationReport>;
}

/**
 * Cuts the power everywhere in the life of a device that this package updates, and looks at what becomes of it.
 *
 * @throws OtaError what the device refuses the package for; as `materialsOf`. Violations are in the report.
 */
export async function simulatePackage(request: SimulationRequest): Promise<SimulationReport> {
  const started = performance.now();
  const { cuts, runs = DEFAULT_RUNS, signal, onProgress } = request;
  const materials = await materialsOf(request);
  const experiment = await experimentOf(materials, request.updater ?? realUpdater);
  const specs = request.boots ?? everyBoots(experiment.bootAttempts);
  const scenarios: Scenario[] = [];
  for (const boots of specs) scenarios.push(await rehearsed(experiment, boots));

  const laboratory = new Laboratory(
    experiment,
    scenarios.map(({ phases }) => phases),
  );
  const tasks: Task[] = [];
  for (const [index, { life }] of scenarios.entries()) {
    if (life !== undefined) tasks.push(...(await laboratory.tasks(index, { cuts, runs })));
  }
  const progress = new Progress(tasks, scenarios, experiment, onProgress);
  const onFindings = (task: Task, findings: Findings) => {
    record(scenarios[task.scenario]!, task, findings);
    progress.add(task, findings);
  };
  const complete =
    request.updater === undefined
      ? await exploreInParallel({ materials, scenarios: scenarios.map(({ phases }) => phases) }, tasks, {
          workers: request.workers,
          signal,
          onFindings,
        })
      : await exploreHere(laboratory, tasks, { signal, onFindings });

  const violations: Violation[] = [];
  for (const scenario of scenarios) violations.push(...(await described(experiment, materials, scenario)));
  return reportOf(request, materials, experiment, scenarios, {
    cuts: cutsName(cuts),
    complete,
    violations,
    elapsedSeconds: (performance.now() - started) / 1000,
  });
}

/** A life that was lived again. */
export interface ReplayReport extends Replay {
  boots: BootsSpec;
}

/**
 * Lives the life of a replay token again.
 *
 * @throws OtaError SIMULATION_INVALID: the token is of something else
 */
export async function replaySimulation(request: SimulationRequest, token: string): Promise<ReplayReport> {
  const materials = await materialsOf({ ...request, seed: seedOfReplayToken(token) });
  const plan = decodeReplayToken(token, materials, request.pkg.digest);
  const experiment = await experimentOf(materials, request.updater ?? realUpdater);
  const { phases } = await rehearsed(experiment, plan.boots);
  return { boots: plan.boots, ...(await replayLife(experiment, phases, plan.faults)) };
}

/** Lives the life once without faults: what policy refuses then is no finding. */
async function rehearsed(experiment: Experiment, boots: BootsSpec, canRollBack = true): Promise<Scenario> {
  const phases = phasesOf(boots, experiment.bootAttempts, canRollBack);
  const scenario: Scenario = { boots, phases, findings: noFindings(), operations: new Map() };
  try {
    const life = await new Laboratory(experiment, [phases]).life(0);
    return { ...scenario, life, operations: operationsOf(life, phases) };
  } catch (error) {
    if (!(error instanceof OrdinaryViolation)) throw error;
    const { cause } = error;
    if (cause instanceof OtaError && cause.code === 'NO_ROLLBACK_TARGET' && canRollBack) {
      return { ...(await rehearsed(experiment, boots, false)), noRollback: cause.message };
    }
    // Neither a device that boots nothing nor a bug is the package's fault.
    if (cause instanceof OtaError && cause.exitCode !== 6) throw cause;
    return { ...scenario, findings: ordinaryFinding(error) };
  }
}

async function exploreHere(
  laboratory: Laboratory,
  tasks: readonly Task[],
  { signal, onFindings }: { signal?: AbortSignal | undefined; onFindings(task: Task, findings: Findings): void },
): Promise<boolean> {
  for (const task of tasks) {
    if (signal?.aborted) return false;
    onFindings(task, await laboratory.run(task));
  }
  return true;
}

function record({ findings: sum, operations, life }: Scenario, task: Task, findings: Findings): void {
  addFindings(sum, findings);
  if (task.kind !== 'operation') return;
  const report = operations.get(life![task.step]!.before.operations + task.operation)!;
  report.faultPoints += findings.faultPoints;
  report.bootedOld += findings.bootedOld;
  report.bootedNew += findings.bootedNew;
  report.violations += findings.violated;
}

function operationsOf(life: readonly WatchedStep[], phases: readonly Phase[]): Map<number, OperationReport> {
  const reports = new Map<number, OperationReport>();
  for (const step of life) {
    if (!phases[step.life.memory.phase]!.explored) continue;
    for (const [at, { kind, file, position, length }] of step.operations.entries()) {
      const index = step.before.operations + at;
      reports.set(index, {
        index,
        step: step.life.memory.next,
        kind,
        file,
        ...(position !== undefined && { position }),
        ...(length !== undefined && { length }),
        faultPoints: 0,
        bootedOld: 0,
        bootedNew: 0,
        violations: 0,
      });
    }
  }
  return reports;
}

async function described(experiment: Experiment, materials: Materials, scenario: Scenario): Promise<Violation[]> {
  const { boots, phases, findings } = scenario;
  const violations: Violation[] = [];
  for (const found of findings.violations) {
    const { faults, replay } = await shrink(experiment, phases, found);
    violations.push({
      invariant: found.invariant satisfies Invariant,
      message: replay.violation!.message,
      scenario: boots,
      trace: replay.trace,
      replay: encodeReplayToken({ boots, faults, seed: materials.seed }, materials, experiment.new.digest),
    });
  }
  return violations;
}

function reportOf(
  { pkg }: SimulationRequest,
  { layout, base, seed }: Materials,
  experiment: Experiment,
  scenarios: readonly Scenario[],
  rest: Pick<SimulationReport, 'cuts' | 'complete' | 'violations' | 'elapsedSeconds'>,
): SimulationReport {
  const reports = scenarios.map(({ boots, findings, operations, noRollback }): ScenarioReport => {
    const { faultPoints, pairs, worstBoots, states } = findings;
    return {
      boots,
      operations: [...operations.values()],
      faultPoints,
      states: states.size,
      merged: faultPoints - states.size,
      pairs,
      worstBoots,
      ...(noRollback !== undefined && { noRollback }),
    };
  });
  const sum = (of: (report: ScenarioReport) => number) => reports.reduce((total, report) => total + of(report), 0);
  const most = (of: (findings: Findings) => number) => Math.max(0, ...scenarios.map(({ findings }) => of(findings)));
  const faultPoints = sum((report) => report.faultPoints);
  return {
    package: { name: pkg.name, digest: pkg.digest, version: experiment.new.version },
    base: base.isUnnamed ? {} : { version: base.version },
    layout: {
      eraseBlockBytes: layout.eraseBlockBytes,
      writeAlignmentBytes: layout.writeAlignmentBytes,
      components: layout.components,
    },
    seed,
    scenarios: reports,
    totals: {
      operations: sum(({ operations }) => operations.length),
      faultPoints,
      states: sum(({ states }) => states),
      merged: sum(({ merged }) => merged),
      pairs: sum(({ pairs }) => pairs),
      worstBoots: most(({ worstBoots }) => worstBoots),
      rewrittenBytes: most(({ rewrittenBytes }) => rewrittenBytes),
      refetchedBytes: most(({ refetchedBytes }) => refetchedBytes),
      violations: scenarios.reduce((total, { findings }) => total + findings.violated, 0),
    },
    faultPointsPerSecond: faultPoints / rest.elapsedSeconds,
    ...rest,
  };
}

/** Fault points done, and about how many there will be. */
class Progress {
  readonly #weight: number;
  readonly #onProgress: SimulationRequest['onProgress'];
  readonly #weightOf: (task: Task) => number;
  #weightDone = 0;
  #done = 0;

  constructor(
    tasks: readonly Task[],
    scenarios: readonly Scenario[],
    { geometry }: Experiment,
    onProgress: SimulationRequest['onProgress'],
  ) {
    this.#weightOf = (task) => weightOf(task, scenarios[task.scenario]!.life!, geometry.writeAlignmentBytes);
    this.#weight = tasks.reduce((sum, task) => sum + this.#weightOf(task), 0);
    this.#onProgress = onProgress;
  }

  add(task: Task, { faultPoints }: Findings): void {
    this.#done += faultPoints;
    this.#weightDone += this.#weightOf(task);
    const left = this.#weight - this.#weightDone;
    this.#onProgress?.(this.#done, Math.round(this.#done + (left * this.#done) / this.#weightDone));
  }
}
