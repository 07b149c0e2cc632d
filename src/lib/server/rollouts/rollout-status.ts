/** Where a rollout stands, in hawkBit's words. */
export const ROLLOUT_STATUSES = [
  'creating',
  'waiting_for_approval',
  'approval_denied',
  'ready',
  'starting',
  'running',
  'paused',
  'stopping',
  'stopped',
  'finished',
  'deleting',
  'deleted',
] as const;
export type RolloutStatus = (typeof ROLLOUT_STATUSES)[number];

/** Where one of its groups stands. */
export const GROUP_STATUSES = ['creating', 'ready', 'scheduled', 'running', 'finished', 'error'] as const;
export type GroupStatus = (typeof GROUP_STATUSES)[number];

/** Those for which the job has something to do, or may have. */
export const UNSETTLED = ['creating', 'ready', 'starting', 'running', 'stopping', 'deleting'] as const;
