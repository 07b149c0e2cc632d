import { clipText } from '../core/text.js';
import type { GateSpec } from './gate-spec.js';
import { judgeAsked } from './gates/asked-gate.js';
import { judgeCompleted } from './gates/completed-gate.js';
import type { GateOpinion } from './gates/evidence.js';
import { judgeFailure } from './gates/failure-gate.js';
import { judgeHealth } from './gates/health-gate.js';
import { judgeSoak } from './gates/soak-gate.js';
import { judgeStuck } from './gates/stuck-gate.js';
import { judgeSuccess } from './gates/success-gate.js';
import { DECISIONS, type Decision, type GateVerdict, type Observation, type StageVerdict } from './observation.js';

/** A verdict is written into journals and shown in one line. */
const MAX_REASON_LENGTH = 1_000;

/**
 * Judges a stage by its gates: the strictest of them decides. No gate advances on no data, and a stage that nothing can
 * mend any more is paused instead of held for ever.
 *
 * A stage without a success gate gets a verdict more, `completed`, whose `gate` is one behind the last: all its devices
 * have to have ended.
 */
export function judgeStage(gates: readonly GateSpec[], observation: Observation): StageVerdict {
  const verdicts = gates.map((gate, place) => verdict(place, gate.type, opinionOf(gate, place, observation)));
  if (!gates.some((gate) => gate.type === 'success')) {
    const isApproved = observation.isApproved && gates.some((gate) => gate.type === 'approval');
    verdicts.push(verdict(gates.length, 'completed', judgeCompleted(observation.figures, isApproved)));
  }
  return strictestOf(verdicts);
}

/** What gates say together: what the strictest of them says. @param verdicts at least one */
export function strictestOf(verdicts: GateVerdict[]): StageVerdict {
  const decision = verdicts.map((one) => one.decision).reduce(stricter);
  return { decision, reason: reasonOf(decision, verdicts), gates: verdicts };
}

/** Whether all gates but soak and approval hold: the soak time counts from when this became true. */
export function isGood(verdict: Pick<StageVerdict, 'gates'>): boolean {
  return verdict.gates.every(({ type, decision }) => decision === 'advance' || type === 'soak' || type === 'approval');
}

function opinionOf(gate: GateSpec, place: number, observation: Observation): GateOpinion {
  const { figures } = observation;
  switch (gate.type) {
    case 'success':
      return judgeSuccess(gate, figures);
    case 'failure':
      return judgeFailure(gate, figures);
    case 'stuck':
      return judgeStuck(gate, figures);
    case 'soak':
      return judgeSoak(gate, observation.now, observation.goodSince);
    case 'health':
      return judgeHealth(gate, observation.measurements.get(place));
    case 'probe':
    case 'command':
      return judgeAsked(gate, observation.probes.get(place));
    case 'approval':
      return observation.isApproved
        ? { decision: 'advance', reason: 'approved' }
        : { decision: 'hold', reason: 'waits for somebody to approve it' };
  }
}

function verdict(gate: number, type: string, { decision, reason }: GateOpinion): GateVerdict {
  return { gate, type, decision, reason: clipped(reason) };
}

function stricter(a: Decision, b: Decision): Decision {
  return DECISIONS.indexOf(a) >= DECISIONS.indexOf(b) ? a : b;
}

function reasonOf(decision: Decision, verdicts: readonly GateVerdict[]): string {
  const deciding = verdicts.filter((one) => one.decision === decision);
  return clipped(deciding.map(({ type, reason }) => `${type}: ${reason}`).join('; '));
}

function clipped(reason: string): string {
  return reason.length > MAX_REASON_LENGTH ? `${clipText(reason, MAX_REASON_LENGTH - 1)}…` : reason;
}
