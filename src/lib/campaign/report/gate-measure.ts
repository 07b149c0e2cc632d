import type { GateSpec } from '../../rollout/gate-spec.js';
import { evidenceOf } from '../../rollout/gates/evidence.js';
import type { StageFigures } from '../../rollout/observation.js';
import { lowerBound } from '../../rollout/statistics.js';

/** A share that a gate is about, as a chart shows it. Percent. */
export interface GateMeasure {
  readonly share: number;
  /** The share is at least that, with the gate's confidence; null: it is no inference. */
  readonly bound: number | null;
  readonly limit: number;
  readonly wants: 'at least' | 'at most';
}

/** What there is to show of a gate; undefined: nothing with a share, or nothing has ended yet. */
export function gateMeasure(gate: GateSpec | null, figures: StageFigures | null): GateMeasure | undefined {
  if (gate === null || figures === null) return undefined;
  const { installed, bad, judged, devices } = evidenceOf(figures);
  if (judged === 0) return undefined;
  switch (gate.type) {
    case 'success':
      return {
        share: (100 * installed) / judged,
        bound: 100 * lowerBound(installed, judged, gate.confidencePercent),
        limit: gate.atLeastPercent,
        wants: 'at least',
      };
    case 'failure':
      return {
        share: (100 * bad) / judged,
        bound: 100 * lowerBound(bad, judged, gate.confidencePercent),
        limit: gate.atMostPercent,
        wants: 'at most',
      };
    case 'stuck':
      return { share: (100 * figures.stuck) / devices, bound: null, limit: gate.atMostPercent, wants: 'at most' };
    default:
      return undefined;
  }
}
