import { advance } from './advance.js';
import { type CutContext, type CutLife, cutLives, idleCutLives } from './cut-lives.js';
import { isSettled, poweredUp } from './disk.js';
import type { Experiment } from './experiment.js';
import { diskFaultsAt, type PlannedFault } from './faults.js';
import {
  count,
  countViolation,
  type Fault,
  type Findings,
  noFindings,
  type Spent,
  spentAfter,
  spentBefore,
} from './findings.js';
import { Futures, NOTHING_MORE, StepMemory } from './futures.js';
import { Garbage } from './garbage.js';
import { harmedDisks, NeededImages } from './harm.js';
import type { Broken } from './invariants.js';
import { type Life, lifeDigest, memoryAfterHarm } from './life.js';
import { brokenByUnrest, restless, stepsAtMost } from './patience.js';
import { runStep, type StepRun, type WatchedOperation } from './run-step.js';
import type { Phase } from './scenario.js';

/** A step of the life without faults. */
export interface WatchedStep {
  /** Life before it and after it. */
  life: Life;
  next: Life;
  run: StepRun;
  operations: WatchedOperation[];
  /** Since birth, before it. */
  before: Spent & { operations: number };
  /** Image files that the last boot has started, and those it could fall back to. */
  needed: readonly string[];
}

/** A life with a fault behind it. */
interface Leaf {
  life: Life;
  faults: Fault[];
  spent: Spent;
}

/** A violation without any fault: the updater is broken in its ordinary work, or refuses to do it. */
export class OrdinaryViolation extends Error {
  readonly violation: Broken;
  /** What the step failed with, if it did. */
  override readonly cause: Error | undefined;

  constructor(violation: Broken, cause?: Error) {
    super(violation.message);
    this.violation = violation;
    this.cause = cause;
  }
}

/**
 * Puts faults into the lives of one device in one scenario, and judges what becomes of them.
 */
export class Explorer {
  readonly #experiment: Experiment;
  readonly #phases: readonly Phase[];
  readonly #garbage: Garbage;
  readonly #futures: Futures;
  /** Cuts that follow a life, by its digest. */
  readonly #paired = new Map<string, number>();
  readonly #stepsAtMost: number;

  /** @param memory shared by the scenarios of one experiment */
  constructor(experiment: Experiment, phases: readonly Phase[], memory = new StepMemory()) {
    this.#experiment = experiment;
    this.#phases = phases;
    this.#garbage = new Garbage(experiment.seed);
    this.#futures = new Futures(experiment, phases, memory);
    this.#stepsAtMost = stepsAtMost(experiment, phases);
  }

  /**
   * Lives the life without faults and watches every operation.
   * @throws OrdinaryViolation
   */
  async undisturbed(): Promise<WatchedStep[]> {
    const steps: WatchedStep[] = [];
    let life = this.#futures.birth;
    let before = { operations: 0, slotBytes: 0, fetchedBytes: 0 };
    const needed = new NeededImages();
    while (life.memory.next !== 'done') {
      const { run, operations } = await this.#futures.watch(life);
      const then = advance(this.#experiment, this.#phases, life, run);
      if ('invariant' in then) throw new OrdinaryViolation(then, run.error);
      if (steps.length === this.#stepsAtMost) throw new OrdinaryViolation(restless());
      steps.push({ life, run, operations, before, needed: needed.files, next: then.life });
      if (run.outcome !== undefined) needed.booted(run.outcome);
      before = spentAfter(before, run);
      life = then.life;
    }
    return steps;
  }

  isExplored({ life }: WatchedStep): boolean {
    return this.#phases[life.memory.phase]!.explored;
  }

  /**
   * Every fault at one operation: power cuts in all their forms, then what else disks do.
   *
   * @param index of the operation in its step
   * @param pairs cut the power a second time, everywhere in what follows the first cut
   */
  async faultsAt(step: WatchedStep, index: number, { pairs }: { pairs: boolean }): Promise<Findings> {
    const findings = noFindings();
    const operation = step.operations[index]!;
    const at = step.before.operations + index;
    const spent = spentBefore(step.before, operation);
    for (const { life, model } of this.#cuts(step.life, operation)) {
      const leaf = { life, faults: [{ operation: at, model }], spent };
      await this.#judge(findings, leaf);
      if (pairs) await this.#cutAgain(findings, leaf);
    }
    if (index === step.operations.length - 1) {
      for (const { life, model } of idleCutLives(step.next, this.#context)) {
        await this.#judge(findings, {
          life,
          faults: [{ operation: at, model }],
          spent: spentAfter(step.before, step.run),
        });
      }
    }
    for (const fault of diskFaultsAt(operation, this.#experiment.geometry.writeAlignmentBytes)) {
      await this.#faultyStep(findings, step, { operation: index, fault });
    }
    return findings;
  }

  /** Damage to storage before a step, while nobody writes: flipped bits where nothing runs, a lost control block. */
  async harmBefore(step: WatchedStep, stepIndex: number): Promise<Findings> {
    const findings = noFindings();
    const { disk, memory } = step.life;
    if (step.needed.length === 0) return findings;
    for (const { model, state, harmed } of harmedDisks(disk.view, step.needed, this.#experiment, this.#garbage)) {
      const life: Life = { disk: poweredUp(state), memory: memoryAfterHarm(memory, harmed) };
      await this.#judge(findings, { life, faults: [{ step: stepIndex, model }], spent: step.before });
    }
    return findings;
  }

  /** A life with cuts at random places: each is drawn from what is still to come, so that it surely happens. */
  async randomLife(cuts: number, random: () => number): Promise<Findings> {
    const findings = noFindings();
    const faults: Fault[] = [];
    let life = this.#futures.birth;
    let spent = { operations: 0, slotBytes: 0, fetchedBytes: 0 };
    while (faults.length < cuts && findings.violations.length === 0) {
      const { operations } = await this.#futures.ending(life);
      if (operations === 0) break;
      // Those that follow need room, too.
      const target = Math.floor((random() * operations) / (cuts - faults.length));
      const leaf = await this.#cutAfter(life, target, spent, random);
      faults.push(...leaf.faults);
      ({ life, spent } = leaf);
      await this.#judge(findings, { life, faults: [...faults], spent });
    }
    return findings;
  }

  /** Lives on for so many operations, and cuts the power in the next one. */
  async #cutAfter(
    from: Life,
    operations: number,
    spentUntil: Spent & { operations: number },
    random: () => number,
  ): Promise<Leaf & { spent: Spent & { operations: number } }> {
    let life = from;
    let left = operations;
    let spent = spentUntil;
    for (;;) {
      const { run, operations: watched } = await this.#futures.watch(life);
      const operation = watched[left];
      if (operation !== undefined) {
        const choices = [...this.#cuts(life, operation)];
        const choice = choices[Math.floor(random() * choices.length)]!;
        const at = spent.operations + left;
        return {
          life: choice.life,
          faults: [{ operation: at, model: choice.model }],
          spent: { ...spentBefore(spent, operation), operations: at + 1 },
        };
      }
      left -= run.operationCount;
      spent = spentAfter(spent, run);
      const then = advance(this.#experiment, this.#phases, life, run);
      if ('invariant' in then)
        throw new Error(`a step that had gone well did not when it was repeated: ${then.message}`);
      life = then.life;
    }
  }

  #cuts(life: Life, operation: WatchedOperation): Generator<CutLife> {
    return cutLives(life, operation, this.#context);
  }

  get #context(): CutContext {
    return { phases: this.#phases, geometry: this.#experiment.geometry, garbage: this.#garbage };
  }

  async #faultyStep(findings: Findings, { life, before }: WatchedStep, fault: PlannedFault): Promise<void> {
    const at = before.operations + fault.operation;
    const { run } = await runStep(this.#experiment, this.#phases[life.memory.phase]!, life, { fault });
    if (!run.faultHappened) throw new Error(`${fault.fault} at operation ${at} did not happen`);
    const spent = spentAfter(before, run);
    const then = advance(this.#experiment, this.#phases, life, run, true);
    const faults = [{ operation: at, model: fault.fault as string }];
    if ('invariant' in then) {
      count(findings, lifeDigest(life), { ...NOTHING_MORE }, { slotBytes: 0, fetchedBytes: 0 });
      countViolation(findings, { ...then, faults });
      return;
    }
    await this.#judge(findings, { life: then.life, faults, spent });
    if (isSettled(run.disk) || then.life.memory.next === 'done') return;
    // What the fault kept from becoming durable may then be lost altogether.
    const lost: Life = { disk: poweredUp(run.disk.durable), memory: { ...then.life.memory, next: 'boot' } };
    await this.#judge(findings, { life: lost, faults: [{ operation: at, model: `${fault.fault}-lost` }], spent });
  }

  /** Cuts the power once more in each operation that follows, until the lives are those that were cut already. */
  async #cutAgain(findings: Findings, { life: from, faults, spent: spentUntil }: Leaf): Promise<void> {
    const walked: { key: string; pairs: number }[] = [];
    let life = from;
    let spent = { ...spentUntil, operations: (faults[0] as { operation: number }).operation + 1 };
    let pairs = 0;
    while (life.memory.next !== 'done' && this.#phases[life.memory.phase]!.explored) {
      const key = lifeDigest(life);
      const known = this.#paired.get(key);
      if (known !== undefined) {
        pairs = known;
        break;
      }
      const { run, operations } = await this.#futures.watch(life);
      const counted = findings.faultPoints;
      for (const [index, operation] of operations.entries()) {
        for (const { life: again, model } of this.#cuts(life, operation)) {
          const second = { operation: spent.operations + index, model };
          await this.#judge(findings, {
            life: again,
            faults: [...faults, second],
            spent: spentBefore(spent, operation),
          });
        }
      }
      walked.push({ key, pairs: findings.faultPoints - counted });
      const then = advance(this.#experiment, this.#phases, life, run);
      if ('invariant' in then) break; // found when the first cut was judged
      spent = spentAfter(spent, run);
      life = then.life;
    }
    findings.faultPoints += pairs; // those of lives that were cut before
    for (const step of walked.reverse()) {
      pairs += step.pairs;
      this.#paired.set(step.key, pairs);
    }
    findings.pairs += pairs;
  }

  async #judge(findings: Findings, { life, faults, spent }: Leaf): Promise<void> {
    const usual = await this.#futures.ending(this.#futures.birth);
    const ending = await this.#futures.ending(life);
    count(findings, lifeDigest(life), ending, {
      slotBytes: spent.slotBytes + ending.slotBytes - usual.slotBytes,
      fetchedBytes: spent.fetchedBytes + ending.fetchedBytes - usual.fetchedBytes,
    });
    const { boots } = ending;
    const violation =
      ending.violation ?? brokenByUnrest(this.#experiment, this.#phases, { boots, faults: faults.length });
    if (violation !== undefined) countViolation(findings, { ...violation, faults });
  }
}
