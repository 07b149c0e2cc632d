import { formatByteSize } from '../core/byte-size.js';
import { escapeText } from '../core/text.js';
import type { SwarmProgress, SwarmReport } from '../swarm/swarm-report.js';
import { durationText } from './progress.js';
import { factsText, gridText } from './table.js';
import { countText } from './telemetry-text.js';

/** Kinds of errors that are shown; `--json` has all of them. */
const MAX_ERRORS = 10;

/** `98 polls/s; 12 downloading, 1 stuck; 540 updated, 3 failed; 2 errors` */
export function swarmProgressText({ pollsPerSecond, states, updates, errors }: SwarmProgress): string {
  const doing = Object.entries(states).flatMap(([state, count]) =>
    state === 'idle' || state === 'none' ? [] : [`${countText(count)} ${state}`],
  );
  return [
    `${countText(pollsPerSecond)} polls/s`,
    ...(doing.length > 0 ? [doing.join(', ')] : []),
    `${countText(updates.success)} updated${updates.failure > 0 ? `, ${countText(updates.failure)} failed` : ''}`,
    ...(errors > 0 ? [`${countText(errors)} errors`] : []),
  ].join('; ');
}

/** What became of a swarm, for people. */
export async function swarmText(report: SwarmReport): Promise<string> {
  const { devices, seconds, polls, pollsPerSecond, downloads, receivedBytes, updates, verification, telemetry } =
    report;
  const counts = (of: Record<string, number>) =>
    Object.entries(of)
      .filter(([, count]) => count > 0)
      .sort(([, a], [, b]) => b - a)
      .map(([name, count]) => `${countText(count)} ${name}`)
      .join(', ');
  const facts = factsText([
    ['states', counts(report.states)],
    ['versions', counts(report.versions)],
    ['updates', counts(updates) || 'none'],
    ['downloads', downloads === 0 ? undefined : `${countText(downloads)}, ${formatByteSize(receivedBytes)}`],
    ['verified', downloads === 0 ? undefined : verificationText(verification)],
    ['polls', `${countText(polls)}, ${countText(pollsPerSecond)}/s`],
    ['telemetry', telemetry.messages === 0 ? undefined : telemetryText(telemetry)],
    ['behind', `${report.lag.p95Ms} ms at p95: how late steps began`],
  ]);
  const requests = Object.entries(report.requests).map(([kind, { count, p50Ms, p95Ms, p99Ms, maxMs }]) => {
    return [kind, countText(count), p50Ms, p95Ms, p99Ms, maxMs];
  });
  const errors = Object.entries(report.errors);
  const more = errors.length - MAX_ERRORS;
  return [
    `${countText(devices)} devices for ${durationText(seconds)}, seed ${report.seed}${report.isInterrupted ? ', interrupted' : ''}`,
    facts,
    '',
    await gridText(['request', 'count', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms'], requests),
    ...(errors.length === 0
      ? []
      : [
          '',
          await gridText(
            ['error', 'count'],
            errors.slice(0, MAX_ERRORS).map(([what, count]) => [escapeText(what), countText(count)]),
          ),
        ]),
    ...(more > 0 ? [`and ${more} more kinds of errors; --json has all of them`] : []),
  ].join('\n');
}

function verificationText({ mode, made, shared }: SwarmReport['verification']): string {
  if (mode === 'none') return 'SHA-256 only: no --trust and no --key was given';
  if (mode === 'each') return `${countText(made)} times, by each device`;
  return `${countText(made)} times, for ${countText(made + shared)} installations (--verify once)`;
}

function telemetryText({ messages, acknowledged, repeated, dropped }: SwarmReport['telemetry']): string {
  const parts = [
    `${countText(messages)} messages`,
    `${countText(repeated)} repeated`,
    `${countText(acknowledged)} acknowledged`,
  ];
  return [...parts, ...(dropped > 0 ? [`${countText(dropped)} dropped`] : [])].join(', ');
}
