import type { Job } from '../jobs/job.js';

/** Gives the disk back that nothing needs any more. */
export const collectJob: Job = {
  name: 'unneeded artifacts',
  everyMs: 600_000,
  async run({ blobs, clock, log }) {
    const removed = await blobs.collect(clock.now().getTime());
    if (removed > 0) log.info('artifacts that nothing needs were removed', { removed });
  },
};
