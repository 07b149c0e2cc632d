import type { BootControl, SlotContent, Trial } from './boot-control.js';
import { activeRecord, confirmRefusal, contentOf, counterAllows, own, trialEnd } from './boot-facts.js';
import type { Device } from './device.js';
import { readDownloadRecord } from './download-record.js';
import { readHistory } from './history.js';
import { type Layout, physicalSlots } from './layout.js';
import { componentVersion } from './release-record.js';

/**
 * `fallback` is of a confirmed release: the device returns to it, or can be rolled back to it. `retired` is of one whose
 * security counter is below the stored one: it never boots here again. `unproven` is of one that was given up; `empty`
 * holds nothing that may boot.
 */
export type SlotState = 'running' | 'trial' | 'fallback' | 'retired' | 'unproven' | 'empty';

export interface SlotStatus extends Partial<SlotContent> {
  component: string;
  slot: string;
  state: SlotState;
  /** Room for an image, bytes. */
  slotBytes: number;
}

/** A release that must still prove itself, as it stands at one moment. */
export interface TrialStatus {
  version: string;
  release: string;
  intent: Trial['intent'];
  attemptsLeft: number;
  timeoutSeconds: number;
  /** RFC 3339 of its first boot; absent: it has not booted yet. */
  startedAt?: string;
  /** Until it must be confirmed; 0 when that is past. Absent before its first boot. */
  secondsLeft?: number;
  /** It runs and can be confirmed now. */
  confirmable: boolean;
  /** Why the next boot goes back to the release before, if it does. */
  end?: string;
}

/** What is known of a device without changing it: the JSON of `ota device status --json`. */
export interface DeviceStatus {
  /** Its folder. */
  device: string;
  product: string;
  model: string;
  hardwareRevision?: string;
  /** What the next boot starts. */
  boots: { version: string; release: string; onTrial: boolean };
  /** What runs when nothing is on trial. */
  confirmed: { version: string; release: string; sequence: number };
  trial?: TrialStatus;
  /** A component whose two images are being exchanged: the next boot goes on with that. */
  exchanging?: string;
  slots: SlotStatus[];
  securityCounter: number;
  timeFloor?: string;
  trustRoot: { version: number; expiresAt: string };
  monotonicCounter?: { file: string; value: number };
  /** A package on its way. */
  download?: DownloadStatus;
  /** The last time that a release was given up. */
  lastRevert?: { time: string; version: string; reason: string };
}

export interface DownloadStatus {
  source: string;
  receivedBytes: number;
  totalBytes?: number;
}

/**
 * Tells how a device stands; changes nothing.
 *
 * @throws OtaError DEVICE_STATE_LOST, as `DeviceFs`
 */
export async function deviceStatus(device: Device): Promise<DeviceStatus> {
  const { name, identity, machine, control } = device;
  const { current } = control;
  const confirmed = activeRecord(current);
  const trial = current.trial && trialStatus(current, current.trial, machine.clock.now());
  const boots = trial === undefined || trial.end !== undefined ? undefined : trial;
  const { signed } = await device.trustRoot();
  const download = await readDownloadRecord(machine.fs);
  const revert = (await readHistory(device)).findLast(({ type }) => type === 'reverted' || type === 'fell-back');
  return {
    device: name,
    product: identity.product,
    model: identity.model,
    ...(identity.hardwareRevision !== undefined && { hardwareRevision: identity.hardwareRevision }),
    boots:
      boots === undefined
        ? { version: confirmed.version, release: confirmed.digest, onTrial: false }
        : { version: boots.version, release: boots.release, onTrial: true },
    confirmed: { version: confirmed.version, release: confirmed.digest, sequence: confirmed.sequence },
    ...(trial && { trial }),
    ...(current.swap && { exchanging: current.swap.component }),
    slots: slotStatuses(device.layout, current),
    securityCounter: current.securityCounter,
    ...(current.timeFloor !== undefined && { timeFloor: current.timeFloor }),
    trustRoot: { version: signed.version, expiresAt: signed.expiresAt },
    ...(machine.counter && {
      monotonicCounter: { file: identity.monotonicCounter ?? '', value: await machine.counter.read() },
    }),
    ...(download && {
      download: {
        source: download.source,
        receivedBytes: download.receivedBytes,
        ...(download.totalBytes !== undefined && { totalBytes: download.totalBytes }),
      },
    }),
    ...(revert && { lastRevert: { time: revert.time, version: revert.version, reason: revert.reason ?? '' } }),
  };
}

function trialStatus(control: BootControl, trial: Trial, now: Date): TrialStatus {
  const { record, release, intent, attemptsLeft, timeoutSeconds, startedAt } = trial;
  const end = trialEnd(control, trial, now);
  return {
    version: record.version,
    release,
    intent,
    attemptsLeft,
    timeoutSeconds,
    ...(startedAt !== undefined && {
      startedAt: new Date(startedAt).toISOString(),
      secondsLeft: Math.max(0, timeoutSeconds - (now.getTime() - startedAt) / 1000),
    }),
    confirmable: confirmRefusal(control, now) === undefined,
    ...(end !== undefined && { end }),
  };
}

function slotStatuses({ components }: Layout, control: BootControl): SlotStatus[] {
  return Object.entries(components).flatMap(([component, layout]) =>
    physicalSlots(layout).map((slot) => ({
      component,
      slot,
      state: slotState(control, component, slot),
      slotBytes: layout.slotBytes,
      ...slotContent(control, component, slot),
    })),
  );
}

/** An image that came with an earlier release may have another version by now. */
function slotContent(control: BootControl, component: string, slot: string): SlotContent | undefined {
  const content = contentOf(control, component, slot);
  if (content === undefined || control.active.slots[component] !== slot) return content;
  return { ...content, version: componentVersion(activeRecord(control), component) };
}

/** A trial that has booted is what runs: the confirmed release is then what the device falls back to. */
function slotState(control: BootControl, component: string, slot: string): SlotState {
  const { active, trial } = control;
  const content = contentOf(control, component, slot);
  if (content === undefined) return 'empty';
  const isActive = active.slots[component] === slot;
  if (trial !== undefined && trial.slots[component] === slot) return isActive ? 'running' : 'trial';
  if (isActive && trial?.startedAt === undefined) return 'running';
  const confirmed = control.releases.filter(({ images }) => own(images, component) === content.sha256);
  if (confirmed.length === 0) return 'unproven';
  return confirmed.some((record) => counterAllows(control, record)) ? 'fallback' : 'retired';
}
