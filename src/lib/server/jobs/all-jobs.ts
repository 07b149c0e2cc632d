import { timeoutJob } from '../actions/timeout-job.js';
import { collectJob } from '../artifacts/collect-job.js';
import { campaignJob } from '../campaigns/campaign-job.js';
import { offlineJob } from '../devices/offline-job.js';
import { eventAgeingJob } from '../events/event-ageing-job.js';
import { rolloutJob } from '../rollouts/rollout-job.js';
import { telemetryAgeingJob } from '../telemetry/telemetry-ageing-job.js';
import type { Job } from './job.js';

export const JOBS: readonly Job[] = [
  campaignJob,
  rolloutJob,
  timeoutJob,
  collectJob,
  offlineJob,
  eventAgeingJob,
  telemetryAgeingJob,
];
