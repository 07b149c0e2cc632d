import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import type { GateOf, GateSpec } from './gate-spec.js';
import { impossibleGates } from './impossible-gates.js';
import type { PlanStage } from './plan.js';
import { successesNeeded } from './statistics.js';

/** A stage whose devices are chosen. */
export interface FilledStage<Device = unknown> extends Omit<PlanStage, 'devices' | 'errorThresholdPercent'> {
  readonly devices: readonly Device[];
  /** Its devices were listed, or its gates written, for this stage alone: it is what somebody wants it to be. */
  readonly isOwn: boolean;
  /** Its gates were written for it: nothing about them is changed. */
  readonly hasOwnGates: boolean;
}

/** `merge`: into the stage after it; `approve`: somebody decides in the gate's stead; `refuse`: no plan is made. */
export type SmallStages = 'merge' | 'approve' | 'refuse';

/**
 * Makes stages fit what is asked of them: of a few devices nothing can be certain, so a stage that is too small for its
 * gate becomes part of the next one, or waits for an approval. It never becomes part of the last one: then nothing would
 * have been tried before all get it.
 *
 * @returns the stages, and a sentence for everything that nobody asked for
 * @throws OtaError USAGE: gates that can never decide
 */
export function fitSmallStages<Device>(
  stages: readonly FilledStage<Device>[],
  smallStages: SmallStages,
): { stages: FilledStage<Device>[]; notes: string[] } {
  const notes: string[] = [];
  const fitted: FilledStage<Device>[] = [];
  let carried: FilledStage<Device> | undefined;
  for (const [at, planned] of stages.entries()) {
    const stage = carried === undefined ? planned : mergedInto(planned, carried);
    carried = undefined;
    const next = stages[at + 1];
    const isLast = next === undefined;
    const small = stage.hasOwnGates ? undefined : tooSmallFor(stage);
    if (small !== undefined && smallStages === 'refuse') throw tooSmall(stage, small);
    const takesIt = next !== undefined && at + 2 < stages.length && !next.isOwn && !stage.isOwn;
    if (small !== undefined && smallStages === 'merge' && takesIt) {
      notes.push(`${called(stage)} becomes part of stage ${escapeText(next.name)}: ${needs(small)}`);
      carried = stage;
      continue;
    }
    const gates = stage.hasOwnGates ? stage.gates : fittedGates(stage, { small, isLast, smallStages, notes });
    const [fault] = impossibleGates(gates, stage.devices.length);
    if (fault !== undefined) throw impossible(stage, fault);
    fitted.push({ ...stage, gates: [...gates] });
  }
  return { stages: fitted, notes };
}

function mergedInto<Device>(stage: FilledStage<Device>, before: FilledStage<Device>): FilledStage<Device> {
  return {
    ...stage,
    startAt: stage.startAt ?? before.startAt,
    devices: [...before.devices, ...stage.devices],
  };
}

/** The success gate that the stage could not pass if all its devices succeeded. */
function tooSmallFor({ gates, devices }: FilledStage): GateOf<'success'> | undefined {
  return gates
    .filter((gate) => gate.type === 'success')
    .find(({ atLeastPercent, confidencePercent }) => {
      const needed = successesNeeded(atLeastPercent, confidencePercent);
      return needed > devices.length && needed < Number.POSITIVE_INFINITY;
    });
}

function fittedGates(
  stage: FilledStage,
  {
    small,
    isLast,
    smallStages,
    notes,
  }: { small: GateOf<'success'> | undefined; isLast: boolean; smallStages: SmallStages; notes: string[] },
): GateSpec[] {
  const size = stage.devices.length;
  const gates = stage.gates
    .filter((gate) => small === undefined || gate.type !== 'success')
    .map((gate) => ('minimumSample' in gate && countsDevices(gate) ? sampled(gate, size) : gate))
    .filter((gate) => gate.type !== 'failure' || impossibleGates([gate], size).length === 0);
  if (small === undefined) return gates;
  if (isLast && smallStages === 'merge') {
    notes.push(
      `${called(stage)} is not judged by its share of successes, it ends when all have ended: ${needs(small)}`,
    );
    return gates;
  }
  notes.push(`${called(stage)} waits for an approval: ${needs(small)}`);
  return gates.some(({ type }) => type === 'approval') ? gates : [...gates, { type: 'approval' }];
}

/** Messages are many, however few devices there are. */
function countsDevices(gate: GateSpec): boolean {
  return gate.type === 'failure' || (gate.type === 'health' && /^\s*offline/i.test(gate.rule));
}

function sampled<Gate extends { minimumSample: number }>(gate: Gate, devices: number): Gate {
  return { ...gate, minimumSample: Math.min(gate.minimumSample, devices) };
}

function needs({ atLeastPercent, confidencePercent }: GateOf<'success'>): string {
  const needed = successesNeeded(atLeastPercent, confidencePercent);
  return `a success share of ${atLeastPercent} % at ${confidencePercent} % confidence takes ${needed} devices`;
}

function called({ name, devices }: FilledStage): string {
  return `stage ${escapeText(name)} (${devices.length === 1 ? '1 device' : `${devices.length} devices`})`;
}

function tooSmall(stage: FilledStage, gate: GateOf<'success'>): OtaError {
  return new OtaError('USAGE', `${called(stage)} is too small for its gate: ${needs(gate)}`, [
    'Make it larger with --stages, ask for less with --success and --confidence, or use --small-stages merge or approve.',
  ]);
}

function impossible(stage: FilledStage, fault: string): OtaError {
  return new OtaError('USAGE', `${called(stage)} has a gate that can never decide: ${fault}`, [
    'Make the stage larger, ask for less, or let an approval gate decide.',
  ]);
}
