import { OtaError } from '../core/errors.js';
import type { Experiment } from './experiment.js';
import type { Fault, FoundViolation } from './findings.js';
import { type Replay, replayLife } from './replay.js';
import type { Phase } from './scenario.js';

/** From the simplest to what is hardest to picture. */
const SIMPLE_MODELS = ['before', 'after', 'before-lost', 'after-lost'] as const;

/**
 * Looks for a shorter way to the same broken promise: fewer faults, then simpler ones. What is found was lived.
 *
 * @returns the faults and the life with them
 * @throws Error when the violation cannot be repeated: a bug of the explorer
 */
export async function shrink(
  experiment: Experiment,
  phases: readonly Phase[],
  { invariant, faults, message }: FoundViolation,
): Promise<{ faults: Fault[]; replay: Replay }> {
  const tried = async (candidate: Fault[]): Promise<Replay | undefined> => {
    try {
      const replay = await replayLife(experiment, phases, candidate);
      return replay.violation?.invariant === invariant ? replay : undefined;
    } catch (error) {
      if (error instanceof OtaError && error.code === 'SIMULATION_INVALID') return undefined;
      throw error;
    }
  };
  let shortest = [...faults];
  let replay = await tried(shortest);
  if (replay === undefined) throw new Error(`the violation could not be repeated: ${message}`);
  for (let index = shortest.length - 1; index >= 0 && shortest.length > 1; index--) {
    const candidate = shortest.toSpliced(index, 1);
    const shorter = await tried(candidate);
    if (shorter === undefined) continue;
    shortest = candidate;
    replay = shorter;
  }
  for (const [index, fault] of shortest.entries()) {
    if (!('operation' in fault)) continue;
    for (const model of SIMPLE_MODELS) {
      if (model === fault.model) break;
      const candidate = shortest.with(index, { ...fault, model });
      const simpler = await tried(candidate);
      if (simpler === undefined) continue;
      shortest = candidate;
      replay = simpler;
      break;
    }
  }
  return { faults: shortest, replay };
}
