import type { DdiExecution, DdiResult } from '../../wire/ddi.js';

/** Where an action stands, in hawkBit's words. */
export const ACTION_STATUSES = [
  /** Until somebody at the device, or an operator, agrees. */
  'wait_for_confirmation',
  /** Offered, or the device works on it. */
  'running',
  /** The device has read what it is to install. */
  'retrieved',
  'download',
  'downloaded',
  /** The device rejected it for now. */
  'warning',
  /** Withdrawn, but the device has not said so yet. */
  'canceling',
  'canceled',
  'error',
  'finished',
] as const;
export type ActionStatus = (typeof ACTION_STATUSES)[number];

/** `forced`: at once. `soft`: when it suits the device. `timeforced`: soft until a time. `downloadonly`: fetched, not installed. */
export const ACTION_TYPES = ['forced', 'soft', 'timeforced', 'downloadonly'] as const;
export type ActionType = (typeof ACTION_TYPES)[number];

/** What can happen to an action. */
export type ActionEvent =
  | { readonly kind: 'confirm' }
  | { readonly kind: 'deny' }
  /** The device has read the deployment. */
  | { readonly kind: 'retrieve' }
  /** The device tells how the deployment goes. */
  | { readonly kind: 'report'; readonly execution: DdiExecution; readonly finished: DdiResult }
  /** The device tells what it makes of the wish to cancel. */
  | { readonly kind: 'answer-cancel'; readonly execution: DdiExecution; readonly finished: DdiResult }
  | { readonly kind: 'cancel' }
  /** Cancels without asking the device any longer. */
  | { readonly kind: 'force-cancel' }
  /** The server cannot carry it out. */
  | { readonly kind: 'fail' }
  /** The device was silent for too long. */
  | { readonly kind: 'time-out' };

/** What an entry of an action's history says: its status, or what did not change it. */
export type HistoryStatus = ActionStatus | 'cancel_rejected';

export interface Transition {
  readonly status: ActionStatus;
  /** What the history gets; undefined: nothing worth an entry. */
  readonly recorded: HistoryStatus | undefined;
}

const ENDED: ReadonlySet<ActionStatus> = new Set(['canceled', 'error', 'finished']);

/** Whether a device may still have to do with it. */
export function isActive(status: ActionStatus, type: ActionType): boolean {
  return !ENDED.has(status) && !(type === 'downloadonly' && status === 'downloaded');
}

/**
 * What an event makes of an action.
 *
 * Unlike hawkBit a device that answers a cancel with `canceled`, or says so of the deployment, has cancelled it
 * (hawkbit#952).
 *
 * @returns undefined: it cannot happen to an action in this state
 */
export function nextStatus(status: ActionStatus, type: ActionType, event: ActionEvent): Transition | undefined {
  if (!isActive(status, type)) return undefined;
  switch (event.kind) {
    case 'confirm':
      return status === 'wait_for_confirmation' ? to('running') : undefined;
    case 'deny':
      return status === 'wait_for_confirmation' ? to('wait_for_confirmation') : undefined;
    case 'retrieve':
      return retrieved(status);
    case 'report':
      return status === 'wait_for_confirmation' ? undefined : reported(status, event.execution, event.finished);
    case 'answer-cancel':
      return status === 'canceling' ? cancelAnswered(event.execution, event.finished) : undefined;
    case 'cancel':
      return status === 'canceling' ? undefined : to('canceling');
    case 'force-cancel':
      return status === 'canceling' ? to('canceled') : undefined;
    case 'fail':
    case 'time-out':
      return to('error');
  }
}

function to(status: ActionStatus): Transition {
  return { status, recorded: status };
}

/** Reading it again later in its life tells nothing new. */
function retrieved(status: ActionStatus): Transition | undefined {
  if (status === 'wait_for_confirmation') return undefined;
  return status === 'running' ? to('retrieved') : { status, recorded: undefined };
}

const REPORTED: Readonly<Record<Exclude<DdiExecution, 'closed' | 'canceled'>, ActionStatus>> = {
  proceeding: 'running',
  scheduled: 'running',
  resumed: 'running',
  download: 'download',
  downloaded: 'downloaded',
  rejected: 'warning',
};

function reported(status: ActionStatus, execution: DdiExecution, finished: DdiResult): Transition {
  if (execution === 'closed') return to(finished === 'failure' ? 'error' : 'finished');
  if (execution === 'canceled') return to('canceled');
  const recorded = REPORTED[execution];
  // Progress does not take the wish to cancel back.
  return { status: status === 'canceling' ? 'canceling' : recorded, recorded };
}

function cancelAnswered(execution: DdiExecution, finished: DdiResult): Transition {
  if (execution === 'rejected' || (execution === 'closed' && finished === 'failure')) {
    return { status: 'running', recorded: 'cancel_rejected' };
  }
  return to(execution === 'closed' || execution === 'canceled' ? 'canceled' : 'canceling');
}
