import { randomUUID } from 'node:crypto';
import type { MqttKind } from '../wire/telemetry.js';
import { chanceOf } from './chance.js';
import type { UpdateEnd, VirtualDevice } from './device.js';
import { errorShare } from './fate.js';
import type { SwarmProfile } from './profile.js';

/** A message on its way to a server (docs/telemetry-messages.md). */
export interface DeviceMessage {
  readonly device: string;
  readonly kind: MqttKind;
  /** One JSON object, without a line end. */
  readonly line: string;
}

const ERRORS = ['watchdog-reset', 'sensor-timeout', 'flash-write-retry', 'link-lost', 'out-of-memory'] as const;

/**
 * The `count`-th message of a device: what it measures, or an error where the profile wants one. What a message says is
 * decided by seed and device; its id is new in every run, or a server would drop a second run as repetition.
 */
export function measurement(
  { profile, seed }: { profile: SwarmProfile; seed: number },
  device: VirtualDevice,
  count: number,
  now: Date,
): DeviceMessage {
  const { id, installed } = device;
  const chance = (what: string) => chanceOf(seed, id, what, count);
  const { version } = installed;
  if (chance('error') < errorShare(profile, device, version)) {
    const code = ERRORS[Math.floor(chance('code') * ERRORS.length)]!;
    return message(device, 'events', now, { type: 'error', version, code, severity: 'error' });
  }
  // Each device has a place and a load of its own around which it varies.
  const [warmth, load] = [chanceOf(seed, id, 'warmth'), chanceOf(seed, id, 'load')];
  const metrics = {
    temperatureCelsius: rounded(15 + 30 * warmth + 4 * chance('temperature'), 1),
    cpuPercent: rounded(100 * Math.min(1, 0.7 * load + 0.3 * chance('cpu')), 1),
    memoryPercent: rounded(30 + 40 * load + 5 * chance('memory'), 1),
    batteryVolts: rounded(3.4 + 0.8 * chance('battery'), 2),
    signalDbm: -60 - Math.floor(50 * chance('signal')),
    uptimeSeconds: count * Math.round(60 / Math.max(profile.telemetry.perMinute, 0.001)),
  };
  return message(device, 'telemetry', now, { type: 'metrics', version, metrics });
}

/** What a device tells when an update has ended. */
export function updateStatus(device: VirtualDevice, { version, result, detail }: UpdateEnd, now: Date): DeviceMessage {
  const status = { type: 'update', version: device.installed.version, offered: version, result, detail };
  return message(device, 'status', now, status);
}

function message({ id }: VirtualDevice, kind: MqttKind, now: Date, fields: object): DeviceMessage {
  const head = { messageId: randomUUID(), deviceId: id, timestamp: now.toISOString() };
  return { device: id, kind, line: JSON.stringify({ ...head, ...fields }) };
}

function rounded(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}
