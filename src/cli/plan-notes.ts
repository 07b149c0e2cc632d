import type { MakingPlan } from '../lib/delta/plan/making-plan.js';
import { planText } from '../lib/ui/package-text.js';

/**
 * Announces the memory that deltas take, each before it is made.
 *
 * What takes no more than was told already, in the usual way, is no news.
 */
export function planNotes(note: (sentence: string) => void): (file: string, plan: MakingPlan) => void {
  let toldBytes = 0;
  return (file, plan) => {
    if (plan.memoryBytes <= toldBytes && plan.economies.length === 0) return;
    toldBytes = Math.max(toldBytes, plan.memoryBytes);
    note(planText(file, plan));
  };
}
