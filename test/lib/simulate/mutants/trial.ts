import { OrdinaryViolation } from '../../../../src/lib/simulate/explore.js';
import { addFindings, type Findings, type FoundViolation, noFindings } from '../../../../src/lib/simulate/findings.js';
import { experimentOf } from '../../../../src/lib/simulate/materials.js';
import { replayLife } from '../../../../src/lib/simulate/replay.js';
import { decodeReplayToken, encodeReplayToken } from '../../../../src/lib/simulate/replay-token.js';
import { phasesOf } from '../../../../src/lib/simulate/scenario.js';
import { shrink } from '../../../../src/lib/simulate/shrink.js';
import { Laboratory, ordinaryFinding, type Task } from '../../../../src/lib/simulate/tasks.js';
import type { Updater } from '../../../../src/lib/simulate/updater.js';
import { materialsFor, type Situation } from './situation.js';

/** An updater in a situation, and every single fault that may happen to it there. */
export class Trial {
  readonly #situation: Situation;
  readonly #updater: Updater;

  constructor(situation: Situation, updater: Updater) {
    this.#situation = situation;
    this.#updater = updater;
  }

  /** @param first file or step: where something is wrong soonest shows when that is looked at first; then stops there */
  async explore({ first }: { first?: string } = {}): Promise<Findings> {
    const { experiment, phases } = await this.#prepare();
    const laboratory = new Laboratory(experiment, [phases]);
    const findings = noFindings();
    try {
      const life = await laboratory.life(0);
      const tasks = await laboratory.tasks(0, { cuts: { kind: 'single' }, runs: 0 });
      const isNear = (task: Task): boolean => {
        if (task.kind === 'random') return false;
        const { operations, life: before } = life[task.step]!;
        return first === (task.kind === 'harm' ? before.memory.next : operations[task.operation]!.file);
      };
      const ordered = first === undefined ? tasks : [...tasks.filter(isNear), ...tasks.filter((task) => !isNear(task))];
      for (const task of ordered) {
        addFindings(findings, await laboratory.run(task));
        if (first !== undefined && findings.violations.length > 0) break;
      }
    } catch (error) {
      if (!(error instanceof OrdinaryViolation)) throw error;
      return ordinaryFinding(error);
    }
    return findings;
  }

  /** What a report says of a violation. */
  async describe(found: FoundViolation): Promise<{ trace: string[]; token: string }> {
    const { materials, experiment, phases } = await this.#prepare();
    const { faults, replay } = await shrink(experiment, phases, found);
    const plan = { boots: this.#situation.boots, faults, seed: materials.seed };
    return { trace: replay.trace, token: encodeReplayToken(plan, materials, experiment.new.digest) };
  }

  /** @returns the invariant that is broken */
  async replay(token: string): Promise<string | undefined> {
    const { materials, experiment, phases } = await this.#prepare();
    const { faults } = decodeReplayToken(token, materials, experiment.new.digest);
    return (await replayLife(experiment, phases, faults)).violation?.invariant;
  }

  async #prepare() {
    const materials = await materialsFor(this.#situation);
    const experiment = await experimentOf(materials, this.#updater);
    const { boots, raises = false } = this.#situation;
    return { materials, experiment, phases: phasesOf(boots, experiment.bootAttempts, !raises) };
  }
}
