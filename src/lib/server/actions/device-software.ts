import { type ActionStatus, type ActionType, isActive } from './action-status.js';

/** hawkBit's words for how a device stands to what it is meant to have. */
export const UPDATE_STATUSES = ['unknown', 'registered', 'pending', 'in_sync', 'error'] as const;
export type UpdateStatus = (typeof UPDATE_STATUSES)[number];

/** What a device is meant to have and what it has, as distribution sets. */
export interface DeviceSoftware {
  readonly assignedSetId: number | null;
  readonly installedSetId: number | null;
  readonly updateStatus: UpdateStatus;
}

export interface EndedAction {
  readonly setId: number;
  readonly type: ActionType;
  readonly status: ActionStatus;
}

/**
 * What a device is meant to have and has once an action of its has ended.
 *
 * After a failure nothing is assigned, so that the same set can be assigned again (hawkbit#446).
 *
 * @param nextSetId the set of the newest action that is still open and not being cancelled; undefined: there is none
 */
export function softwareAfter(
  device: DeviceSoftware,
  ended: EndedAction,
  nextSetId: number | undefined,
): DeviceSoftware {
  if (isActive(ended.status, ended.type)) return device;
  const installedSetId = ended.status === 'finished' ? ended.setId : device.installedSetId;
  if (nextSetId !== undefined) return { assignedSetId: nextSetId, installedSetId, updateStatus: 'pending' };
  switch (ended.status) {
    case 'finished':
      return { assignedSetId: ended.setId, installedSetId, updateStatus: 'in_sync' };
    case 'error':
      return { assignedSetId: null, installedSetId, updateStatus: 'error' };
    case 'canceled':
      return { assignedSetId: installedSetId, installedSetId, updateStatus: restingStatus(installedSetId) };
    default: // downloaded, and no more was asked for
      return { ...device, updateStatus: 'in_sync' };
  }
}

function restingStatus(installedSetId: number | null): UpdateStatus {
  return installedSetId === null ? 'registered' : 'in_sync';
}
