import { KnownPlans } from './known-plans.js';

/** The campaigns that this process drives. */
export class Campaigns implements AsyncDisposable {
  /** Without it they are driven by `runJobs` alone, and nobody waits for them: in tests, which know when. */
  readonly isTimed: boolean;
  readonly plans = new KnownPlans();

  constructor({ isTimed }: { isTimed: boolean }) {
    this.isTimed = isTimed;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
