import { parseDuration } from '../../lib/core/duration.js';
import { OtaError } from '../../lib/core/errors.js';
import { readMaintenanceWindow } from '../../lib/core/maintenance-window.js';
import { escapeText } from '../../lib/core/text.js';
import type { GateOf } from '../../lib/rollout/gate-spec.js';
import { parseHealthRule } from '../../lib/rollout/health-rule.js';
import type { MaintenanceWindow, RateLimit } from '../../lib/rollout/plan.js';
import { parseProbeRule } from '../../lib/rollout/probe-rule.js';

/**
 * What is asked of a rollout, in the words in which people write it: on the command line and in a plan.yaml alike.
 * `where` is what to call the place in errors: `--rate`, `plan.yaml: stages[1].rate`. All throw OtaError USAGE.
 */

/** `95`, `95%`, `0.5 %` @returns percent */
export function percentOf(text: string, where: string): number {
  const [, digits] = /^(\d{1,3}(?:\.\d{1,6})?) ?%?$/.exec(text.trim()) ?? [];
  const percent = Number(digits);
  if (digits !== undefined && percent <= 100) return percent;
  throw expected(where, text, 'a share from 0 to 100 %');
}

/** `24h`, `90 min`; `0` and `none`: not at all. @returns seconds */
export function secondsOf(text: string, where: string): number {
  if (/^(?:0|none)$/i.test(text.trim())) return 0;
  try {
    return parseDuration(text) / 1000;
  } catch {
    throw expected(where, text, 'a duration such as 30min, 24h or 7d');
  }
}

/** `100`, `100/min`, `50/h` @param growth see `RateLimit` */
export function rateOf(text: string, growth: number, where: string): RateLimit {
  const [, digits, unit] = /^(\d{1,7}(?:\.\d{1,4})?)(?: ?\/ ?(min|m|h))?$/.exec(text.trim()) ?? [];
  const devicesPerMinute = Number(digits) / (unit === 'h' ? 60 : 1);
  if (devicesPerMinute >= 0.01 && devicesPerMinute <= 1e6) return { devicesPerMinute, growth };
  throw expected(where, text, 'devices a minute or hour, such as 100/min or 50/h');
}

/** `0 0 3 * * ? for 2h`, `0 0 3 ? * SUN for 90min at +01:00` */
export function windowOf(text: string, where: string): MaintenanceWindow {
  const [, schedule, length, timezone = '+00:00'] = /^(.+?)\s+for\s+(.+?)(?:\s+at\s+(\S+))?$/.exec(text.trim()) ?? [];
  if (schedule === undefined || length === undefined) {
    throw expected(where, text, 'SCHEDULE for DURATION, such as "0 0 3 * * ? for 2h at +01:00"');
  }
  return checkedWindow({ schedule, duration: clockText(secondsOf(length, where)), timezone }, where);
}

export function checkedWindow(window: MaintenanceWindow, where: string): MaintenanceWindow {
  const times = readMaintenanceWindow(window);
  if (typeof times === 'string') throw new OtaError('USAGE', `${where}: ${escapeText(times)}`);
  return window;
}

/** `02:00:00` */
function clockText(seconds: number): string {
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}

/** `2026-01-05T22:00:00+01:00` */
export function timeOf(text: string, where: string): string {
  const isTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})$/.test(text.trim());
  const ms = isTime ? Date.parse(text.trim()) : Number.NaN;
  if (!Number.isNaN(ms)) return new Date(ms).toISOString();
  throw expected(where, text, 'a time with its offset, such as 2026-01-05T22:00:00+01:00');
}

const HEALTH_WINDOW_SECONDS = 900;
const HEALTH_SAMPLE = 20;

/** `errorRate < 1%`; of the last 15 minutes, and at least 20 devices or messages. */
export function healthOf(rule: string, otherwise: GateOf<'health'>['otherwise'], where: string): GateOf<'health'> {
  located(where, () => parseHealthRule(rule));
  return { type: 'health', rule, windowSeconds: HEALTH_WINDOW_SECONDS, minimumSample: HEALTH_SAMPLE, otherwise };
}

const PROBE_TIMEOUT_SECONDS = 30;
const PROBE_EVERY_SECONDS = 60;

/** `URL`, `URL POINTER RULE`: `https://prometheus/api/v1/query?query=… /data/result/0/value/1 < 0.01` */
export function probeOf(text: string, otherwise: GateOf<'probe'>['otherwise'], where: string): GateOf<'probe'> {
  const [, url, pointer, rule] = /^(\S+)(?:\s+(\/\S*)\s+(.+))?$/.exec(text.trim()) ?? [];
  if (url === undefined || !/^https?:\/\//.test(url)) {
    throw expected(where, text, 'URL, or URL POINTER RULE such as "https://… /data/result/0/value/1 < 0.01"');
  }
  if (rule !== undefined) located(where, () => parseProbeRule(rule));
  return {
    ...{ type: 'probe', url, ...(pointer !== undefined && { pointer }), ...(rule !== undefined && { rule }) },
    ...{ timeoutSeconds: PROBE_TIMEOUT_SECONDS, everySeconds: PROBE_EVERY_SECONDS, otherwise },
  };
}

/** Says where it stands that something means nothing. */
export function located<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    // Readers of flags name the flag that they are mostly for.
    const message = `${where}: ${error.message.replace(/^--[a-z-]+[:,] /, '')}`;
    throw new OtaError(error.code, message, error.suggestions, { cause: error });
  }
}

function expected(where: string, got: string, what: string): OtaError {
  return new OtaError('USAGE', `${where}: "${escapeText(got)}" is not ${what}`);
}
