import { type MaintenanceWindow, readMaintenanceWindow, type WindowTimes } from '../../core/maintenance-window.js';
import { badRequest } from '../http/server-failure.js';

/** When a device may install. */
export type Maintenance = MaintenanceWindow;

/** @throws ServerFailure 400: a part of it means nothing, or no window comes any more */
export function checkMaintenance(maintenance: Maintenance, now: number): void {
  if (windowOf(maintenance).from(now) === undefined) {
    throw badRequest(`no maintenance window of the schedule "${maintenance.schedule}" comes any more`);
  }
}

/** @throws ServerFailure 400: a part of it means nothing */
export function isWindowOpen(maintenance: Maintenance, now: number): boolean {
  return windowOf(maintenance).isOpenAt(now);
}

function windowOf(maintenance: Maintenance): WindowTimes {
  const window = readMaintenanceWindow(maintenance);
  if (typeof window === 'string') throw badRequest(window);
  return window;
}
