import type { Experiment } from './experiment.js';
import { type Broken, bootedRelease, broken, brokenByBoot, brokenReport } from './invariants.js';
import { type Life, type Memory, nextPhase, type Step, withBadRuns } from './life.js';
import { isRefusal, type StepRun } from './run-step.js';
import type { Phase } from './scenario.js';
import type { BootOutcome, DeviceFacts } from './updater.js';

/** How a life goes on after a step. */
export interface Advance {
  life: Life;
  /** After a boot: which release it started; `none` where it failed. */
  booted?: 'old' | 'new' | 'none';
}

/**
 * Judges a step and decides the next one, by nothing but what the device shows and the world remembers.
 *
 * @param phases phases of the scenario
 * @param faulty a fault other than a power cut was put into this step, so that it may fail
 */
export function advance(
  experiment: Experiment,
  phases: readonly Phase[],
  { memory }: Life,
  run: StepRun,
  faulty = false,
): Advance | Broken {
  const phase = phases[memory.phase]!;
  const logGaps = faulty && memory.next === 'boot' ? { logGaps: true as const } : {};
  const remembered = { ...withBadRuns(memory, phase, run.badRuns), ...logGaps };
  if (run.error !== undefined) return afterFailure(remembered, run, run.error, faulty);
  if (run.outcome === undefined) return afterCommand(remembered, run);
  const booting = run as StepRun & { outcome: BootOutcome };
  const booted = bootedRelease(experiment, run.disk.view, run.outcome);
  if (typeof booted !== 'string') return booted;
  const { promised: before, ...expected } = { ...memory, ...logGaps };
  const violation = brokenByBoot(
    experiment,
    phase,
    { ...expected, ...(before && !faulty && { promised: before }) },
    booting,
    booted,
  );
  if (violation !== undefined) return violation;
  const { promised, ...settled } = remembered;
  if (faulty) {
    // A boot loader that cannot commit starts what it can: the next boot, without the fault, tells.
    const lasts = promised === 'confirm' ? { promised } : {};
    return { life: { disk: run.disk, memory: { ...settled, ...lasts, next: 'boot' } }, booted };
  }
  const behaved = run.badRuns === 0 || run.ran.at(-1) !== experiment.new.digest;
  const onTrial = run.outcome.onTrial;
  const next = behaved ? decide(phases, settled, booted, onTrial) : { ...settled, next: 'boot' as const };
  const reported =
    next.next === 'done' &&
    phases.some(({ goal }) => goal === 'old-again') &&
    memory.harmed === undefined &&
    !remembered.logGaps
      ? brokenReport(experiment, run.facts as DeviceFacts)
      : undefined;
  return reported ?? { life: { disk: run.disk, memory: next }, booted };
}

function decide(phases: readonly Phase[], memory: Memory, booted: 'old' | 'new', onTrial: boolean): Memory {
  const phase = phases[memory.phase];
  if (phase === undefined) return { ...memory, next: 'done' };
  const reached =
    !onTrial &&
    (phase.goal === 'new' ? booted === 'new' : booted === 'old' && (phase.goal === 'rolled-back' || memory.tried));
  if (reached) return decide(phases, nextPhase(memory), booted, onTrial);
  if (onTrial) return { ...memory, next: 'confirm' };
  if (phase.goal === 'rolled-back') return { ...memory, next: 'rollback' };
  // In `old-again` the new release came to stay: the boot was judged before, so it was confirmed by request.
  return { ...memory, next: booted === 'new' ? 'boot' : 'download' };
}

function afterCommand(memory: Memory, run: StepRun): Advance {
  const { promised: _, ...rest } = memory;
  const next = memory.next === 'download' ? 'install' : 'boot';
  const confirmAsked = memory.confirmAsked || memory.next === 'confirm';
  const done: Step = memory.next as Step;
  const lasts = done === 'install' || done === 'confirm' || done === 'rollback' ? { promised: done } : {};
  return { life: { disk: run.disk, memory: { ...rest, ...lasts, confirmAsked, next } } };
}

function afterFailure(memory: Memory, run: StepRun, error: Error, faulty: boolean): Advance | Broken {
  const { promised: _, ...rest } = memory;
  const step = memory.next as Step;
  const confirmAsked = memory.confirmAsked || step === 'confirm';
  const again: Advance = {
    life: { disk: run.disk, memory: { ...rest, confirmAsked, next: 'boot' } },
    ...(step === 'boot' ? { booted: 'none' as const } : {}),
  };
  if (!isRefusal(error)) return broken('clean-failure', `${step} ended with ${error.name}: ${error.message}`);
  if (faulty) {
    const saysSo = error.exitCode === 6 && error.code !== 'DEVICE_UNBOOTABLE';
    return saysSo ? again : broken('clean-failure', `${step} met a fault of the disk and said: ${error.message}`);
  }
  if (step === 'boot') return broken('boots-whole-image', `nothing boots: ${error.message}`);
  if (memory.harmed === undefined) return broken('re-apply', `${step} was refused: ${error.message}`);
  // The image to go back to may be the one that was damaged: the device says so, and keeps what it has.
  if (error.code === 'NO_ROLLBACK_TARGET')
    return { life: { disk: run.disk, memory: { ...nextPhase(memory), next: 'boot' } } };
  return again;
}
