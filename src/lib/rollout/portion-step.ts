import type { PortionState } from './campaign-state.js';
import { SERVER_PATIENCE_MS, type Step, type StepContext } from './step.js';

/** What a portion needs until it is started; undefined: nothing more. `overdue`: the server does not make it ready. */
export function portionStep(
  portion: PortionState,
  { now, seen }: StepContext,
): Step | { readonly kind: 'overdue'; readonly reason: string } | undefined {
  switch (portion.status) {
    case 'preparing':
      return { kind: 'prepare', portion };
    case 'starting':
      return { kind: 'start', portion };
    case 'continuing':
      return { kind: 'continue', portion };
    case 'prepared': {
      const sight = seen?.portions.get(portion.name);
      if (sight === undefined) return { kind: 'observe', portions: [portion], measures: false };
      if (sight.status !== 'preparing') return { kind: 'write', events: [{ type: 'starting', portion: portion.name }] };
      const untilMs = portion.changedAt + SERVER_PATIENCE_MS;
      if (now < untilMs) return { kind: 'wait', untilMs, reason: `the server makes ${portion.name} ready` };
      const minutes = SERVER_PATIENCE_MS / 60_000;
      return { kind: 'overdue', reason: `the server has not made ${portion.name} ready in ${minutes} minutes` };
    }
    default:
      return undefined;
  }
}

/** Those that have to be asked for; what is lost is not. */
export function askable(portions: readonly PortionState[]): readonly PortionState[] {
  return portions.filter(({ status }) => status === 'started');
}
