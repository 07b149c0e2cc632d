import type { RolloutPlan } from './plan.js';

/**
 * Names of portions at the server. They follow from the plan alone, so that what was made before a crash is found again;
 * stages count from 1, portions from 0.
 */
export const portionName = {
  /** `spring.s1.0` */
  ofStage: (plan: RolloutPlan, stage: number, portion: number) => `${plan.name}.s${stage + 1}.${portion}`,
  /** `spring.s1.retry1` */
  ofRetry: (plan: RolloutPlan, stage: number, retry: number) => `${plan.name}.s${stage + 1}.retry${retry}`,
  /** `spring.back0` */
  ofReturn: (plan: RolloutPlan, batch: number) => `${plan.name}.back${batch}`,
};
