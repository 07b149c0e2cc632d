import type { output } from 'zod/mini';
import type { MeasurementAnswer, measurementRequest } from '../../wire/measurements.js';
import type { ServerContext } from '../context.js';
import { readAlerts } from './alerts.js';
import { type ChosenDevices, chosenDevices, countOffline } from './chosen-devices.js';
import { meanOf, quantileOf } from './quantile.js';

/** Messages that are read for one measurement at most, and of one device, so that none of them is heard alone. */
const MAX_MESSAGES = 100_000;
const MAX_OF_DEVICE = 1_000;
/** Read at once: others wait for the log no longer than that takes. */
const MESSAGES_AT_ONCE = 4_000;
/** What could not be read by then is left out, milliseconds. */
const MAX_MS = 10_000;
/** How exact it is since when a device counts that was updated meanwhile: milliseconds, and parts of the time asked for. */
const LEAST_STEP_MS = 60_000;
const STEPS = 60;

export interface MeasureOptions {
  readonly server: ServerContext;
  readonly tenantId: number;
  readonly request: output<typeof measurementRequest>;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly signal: AbortSignal;
}

/** @throws OtaError USAGE, LIMIT_EXCEEDED: the filter cannot be understood */
export async function measure(options: MeasureOptions): Promise<MeasurementAnswer> {
  const { request } = options;
  if (request.of.kind === 'offline') {
    const { total, offline } = await countOffline(options);
    return { value: total === 0 ? null : (100 * offline) / total, sample: total, devices: total, isPartial: false };
  }
  const chosen = await chosenDevices(options);
  return request.of.kind === 'errorRate' ? errorRate(options, chosen) : metric(options, chosen, request.of);
}

/** Errors on the topic `events` and in telemetry, of all messages on both. */
async function errorRate(options: MeasureOptions, chosen: ChosenDevices): Promise<MeasurementAnswer> {
  const { server, request, tenantId, signal } = options;
  const countSince = new Map(
    chosen.devices.map(({ name, installedAt }) => [name, countsSince(request, installedAt)] as const),
  );
  const alerts = await readAlerts(server.database.sql, { tenantId, since: request.since, signal }, (device) =>
    countSince.get(device),
  );
  const heard = await hear({ ...options, request: { ...request, since: alerts.since } }, chosen);
  const messages = heard.messages + alerts.messages;
  return {
    value: messages === 0 ? null : (100 * (heard.errors + alerts.errors)) / messages,
    sample: heard.read + alerts.messages,
    devices: chosen.total,
    isPartial: heard.isPartial || alerts.since > request.since,
  };
}

async function metric(
  options: MeasureOptions,
  chosen: ChosenDevices,
  { path, quantile }: { path: readonly string[]; quantile: number | 'mean' },
): Promise<MeasurementAnswer> {
  const { values, isPartial } = await hear(options, chosen, path);
  const value = values.length === 0 ? null : quantile === 'mean' ? meanOf(values) : quantileOf(values, quantile);
  return { value, sample: values.length, devices: chosen.total, isPartial };
}

interface Heard {
  readonly messages: number;
  readonly read: number;
  readonly errors: number;
  readonly values: Float64Array;
  readonly isPartial: boolean;
}

/** Reads the same number of messages of each device, if it has them. */
async function hear(
  { server, tenantId, request, now, signal }: MeasureOptions,
  { total, devices }: ChosenDevices,
  path?: readonly string[],
): Promise<Heard> {
  const { log } = server.telemetry;
  const perDevice = Math.min(MAX_OF_DEVICE, Math.max(1, Math.floor(MAX_MESSAGES / Math.max(1, devices.length))));
  const atOnce = Math.max(1, Math.floor(MESSAGES_AT_ONCE / perDevice));
  const stepMs = Math.max(LEAST_STEP_MS, Math.ceil((now - request.since) / STEPS));
  const positions = new Map<number, Promise<number>>();
  const positionOf = (installedAt: number | null): Promise<number> => {
    const since = countsSince(request, installedAt);
    // Rather a message too few than one from before the update.
    const time = since <= request.since ? request.since : Math.ceil(since / stepMs) * stepMs;
    const known = positions.get(time) ?? log.seqBefore(time);
    positions.set(time, known);
    return known;
  };
  const sum = { messages: 0, read: 0, errors: 0 };
  const values: number[][] = [];
  const start = performance.now();
  let heard = 0;
  while (heard < devices.length && performance.now() - start < MAX_MS) {
    signal.throwIfAborted();
    const part = devices.slice(heard, heard + atOnce);
    const asked = await Promise.all(
      part.map(async ({ name, installedAt }) => ({ name, after: await positionOf(installedAt) })),
    );
    const sample = await log.sample({ tenantId, devices: asked, path, perDevice });
    sum.messages += sample.messages;
    sum.read += sample.read;
    sum.errors += sample.errors;
    values.push([...sample.values]);
    heard += part.length;
  }
  const isPartial = heard < total || sum.read < sum.messages;
  return { ...sum, values: Float64Array.from(values.flat()), isPartial };
}

/** When messages of a device begin to count: where only updated ones are asked for, not before it was. */
function countsSince({ since, installedSetId }: MeasureOptions['request'], installedAt: number | null): number {
  return installedSetId === undefined ? since : Math.max(since, installedAt ?? since);
}
