import type { GateOf, GateSpec } from './gate-spec.js';

/** What is asked of every stage that asks for nothing of its own. Null: not at all. */
export interface Strategy {
  readonly success: GateOf<'success'> | null;
  /** Of the last stage, instead of `success.completedPercent`: a campaign that ends looks at no device any more. */
  readonly lastCompletedPercent: number;
  readonly failure: GateOf<'failure'> | null;
  readonly stuck: GateOf<'stuck'> | null;
  /** Health, probes and commands. */
  readonly others: readonly GateSpec[];
  /** How long a stage has to stay good before the next one; the last stage has none. */
  readonly soakSeconds: number;
  /** Somebody has to let each stage but the last pass. */
  readonly isApproved: boolean;
}

/**
 * The recommended one: a stage passes when 95 % of its devices are certain (95 %) to succeed and have done so for a day;
 * it pauses when more than 5 % are certain to fail, or tell nothing for a day. The campaign ends when all have ended, or
 * told nothing for a day.
 */
export const DEFAULT_STRATEGY: Strategy = {
  success: { type: 'success', atLeastPercent: 95, confidencePercent: 95, completedPercent: 90 },
  lastCompletedPercent: 100,
  failure: { type: 'failure', atMostPercent: 5, confidencePercent: 95, minimumSample: 20, otherwise: 'pause' },
  stuck: { type: 'stuck', afterSeconds: 86_400, atMostPercent: 5, otherwise: 'pause' },
  others: [],
  soakSeconds: 86_400,
  isApproved: false,
};

/** @param isLast nothing comes after it that could wait */
export function gatesOf(strategy: Strategy, isLast: boolean): GateSpec[] {
  const { failure, stuck, others, soakSeconds, isApproved } = strategy;
  const success =
    isLast && strategy.success !== null
      ? { ...strategy.success, completedPercent: strategy.lastCompletedPercent }
      : strategy.success;
  return [
    ...[success, failure, stuck].filter((gate) => gate !== null),
    ...others,
    ...(!isLast && soakSeconds > 0 ? [{ type: 'soak', seconds: soakSeconds } as const] : []),
    ...(!isLast && isApproved ? [{ type: 'approval' } as const] : []),
  ];
}
