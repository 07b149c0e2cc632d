import type { Job } from '../jobs/job.js';

/** Takes campaigns further; see `campaigns`. */
export const campaignJob: Job = {
  name: 'campaigns',
  everyMs: 1_000,
  run: (server) => server.campaigns.takeFurther(server),
};
