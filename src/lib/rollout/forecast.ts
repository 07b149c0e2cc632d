import { readMaintenanceWindow, type WindowTimes } from '../core/maintenance-window.js';
import type { MaintenanceWindow, PlanStage, RateLimit } from './plan.js';

/** What is taken of devices that nobody has measured. A forecast says so. */
export const ASSUMED_POLL_SECONDS = 300;
export const ASSUMED_INSTALL_SECONDS = 300;
/** From being given the update to having it. */
const DEVICE_SECONDS = ASSUMED_POLL_SECONDS + ASSUMED_INSTALL_SECONDS;

/** A stage as far as time goes. */
export interface TimedStage extends Pick<PlanStage, 'startAt' | 'window' | 'rate' | 'gates'> {
  readonly devices: { readonly length: number };
}

export interface StageForecast {
  /** Milliseconds since 1970. */
  readonly startsAt: number;
  /** When the last of its devices has it. */
  readonly installedAt: number;
  /** With its soak time. */
  readonly endsAt: number;
}

/**
 * When each stage would begin and end, when nothing fails, nobody has to be waited for, and every device polls every five
 * minutes and takes five to install.
 *
 * @param startsAt of the campaign, milliseconds since 1970
 */
export function forecastStages(stages: readonly TimedStage[], startsAt: number): StageForecast[] {
  let free = startsAt;
  return stages.map((stage) => {
    const notBefore = stage.startAt === null ? free : Math.max(free, Date.parse(stage.startAt));
    const seconds = givingSeconds(stage.devices.length, stage.rate) + DEVICE_SECONDS;
    const { begins, ends } = within(stage.window, notBefore, seconds * 1000);
    const soakMs = stage.gates.reduce((sum, gate) => sum + (gate.type === 'soak' ? gate.seconds * 1000 : 0), 0);
    free = ends + soakMs;
    return { startsAt: begins, installedAt: ends, endsAt: free };
  });
}

/** Until the last of them is given it: the rate grows whenever as many as were given have ended. */
function givingSeconds(devices: number, rate: RateLimit | null): number {
  if (rate === null) return 0;
  const { growth } = rate;
  let { devicesPerMinute } = rate;
  let given = 0;
  let seconds = 0;
  for (;;) {
    const perRound = (devicesPerMinute / 60) * DEVICE_SECONDS;
    if (given + perRound >= devices || growth === 1) return seconds + ((devices - given) / devicesPerMinute) * 60;
    given += perRound;
    seconds += DEVICE_SECONDS;
    devicesPerMinute *= growth;
  }
}

/** Work that goes on only while a window is open. */
function within(window: MaintenanceWindow | null, notBefore: number, workMs: number): { begins: number; ends: number } {
  const times = window === null ? undefined : readMaintenanceWindow(window);
  if (times === undefined || typeof times === 'string') return { begins: notBefore, ends: notBefore + workMs };
  return withinWindows(times, notBefore, workMs);
}

/** Beyond so many windows the rest is left out: a window each second would take for ever to count. */
const MAX_WINDOWS = 10_000;

function withinWindows(times: WindowTimes, notBefore: number, workMs: number): { begins: number; ends: number } {
  let begins: number | undefined;
  let now = notBefore;
  let left = workMs;
  for (let count = 0; count < MAX_WINDOWS; count++) {
    const next = times.from(now);
    if (next === undefined) break;
    const from = Math.max(now, next.opensAt);
    begins ??= from;
    if (next.closesAt - from >= left) return { begins, ends: from + left };
    left -= next.closesAt - from;
    now = next.closesAt;
  }
  return { begins: begins ?? notBefore, ends: now + left };
}
