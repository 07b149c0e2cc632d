import type { Job } from './job.js';

export const JOBS: readonly Job[] = [];
