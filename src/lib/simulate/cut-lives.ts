import { crashStates, idleCrashStates } from './crash-states.js';
import { type Geometry, isSettled, poweredUp } from './disk.js';
import type { Garbage } from './garbage.js';
import { type Life, memoryAfterCut } from './life.js';
import type { WatchedOperation } from './run-step.js';
import type { Phase } from './scenario.js';

/** A life after the power came back. */
export interface CutLife {
  life: Life;
  model: string;
}

export interface CutContext {
  phases: readonly Phase[];
  geometry: Geometry;
  garbage: Garbage;
}

/** Every life that a power cut in an operation of the next step may lead to. */
export function* cutLives(
  life: Life,
  operation: WatchedOperation,
  { phases, geometry, garbage }: CutContext,
): Generator<CutLife> {
  const memory = memoryAfterCut(life.memory, phases[life.memory.phase]!, operation.progress.badRuns);
  for (const { model, state } of crashStates(operation, geometry, garbage)) {
    yield { life: { disk: poweredUp(state), memory }, model };
  }
}

/** Those of a cut while nothing goes on: what was reported as done is remembered. */
export function* idleCutLives({ disk, memory }: Life, { geometry, garbage }: CutContext): Generator<CutLife> {
  if (isSettled(disk) || memory.next === 'done') return;
  for (const { model, state } of idleCrashStates(disk, geometry, garbage)) {
    yield { life: { disk: poweredUp(state), memory: { ...memory, next: 'boot' } }, model };
  }
}
