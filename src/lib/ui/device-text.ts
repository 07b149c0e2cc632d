import { formatByteSize } from '../core/byte-size.js';
import { escapeText } from '../core/text.js';
import type { DeviceEvent, ReleaseRecord } from '../device/boot-control.js';
import type { DeviceStatus, TrialStatus } from '../device/device-status.js';
import type { Layout } from '../device/layout.js';
import { durationText } from './progress.js';
import { factsText, gridText } from './table.js';

/** `ota device init` for people. */
export async function deviceInitText(report: {
  device: string;
  dryRun: boolean;
  product: string;
  model: string;
  release: ReleaseRecord;
  layoutFrom: string;
  layout: Layout;
}): Promise<string> {
  const { device, dryRun, product, model, release, layoutFrom, layout } = report;
  const components = Object.entries(layout.components);
  const slots = components.map(([component, { slots, slotBytes }]) => {
    const names = slots.length === 1 ? `${slots[0]} and a staging area` : slots.join(', ');
    return `${component}: ${names}, ${formatByteSize(slotBytes)} each`;
  });
  const blocks = `erase blocks of ${formatByteSize(layout.eraseBlockBytes)}, writes of ${formatByteSize(layout.writeAlignmentBytes)}`;
  return [
    `${dryRun ? 'Would make' : 'Made'} ${escapeText(device)}: ${product}, model ${escapeText(model)}`,
    factsText([
      ['runs', `${release.version}, sequence ${release.sequence}, security counter ${release.securityCounter}`],
      ...slots.map((text) => ['slots', text] as const),
      ['layout', `${blocks}${layoutFrom === 'default' ? ' (made to fit; --layout takes your own)' : ''}`],
    ]),
    ...(dryRun ? [] : [`Next: ota device boot ${escapeText(device)}`]),
  ].join('\n');
}

/** `ota device status` for people. */
export async function deviceStatusText(status: DeviceStatus): Promise<string> {
  const { device, product, model, hardwareRevision, securityCounter, trustRoot, monotonicCounter, download } = status;
  const revision = hardwareRevision === undefined ? '' : `, hardware revision ${hardwareRevision}`;
  return [
    `${escapeText(device)}: ${product}, model ${escapeText(model)}${escapeText(revision)}`,
    factsText([
      ['boots', bootsText(status)],
      ['trial', status.trial && trialText(status.trial)],
      ['exchange', status.exchanging && `the images of ${status.exchanging} are being exchanged`],
      ['security counter', securityCounter],
      ['time floor', status.timeFloor ?? 'none yet'],
      ['trust root', `version ${trustRoot.version}, expires ${trustRoot.expiresAt}`],
      ['monotonic counter', monotonicCounter && `${monotonicCounter.value} in ${monotonicCounter.file}`],
      ['download', download && downloadText(download)],
      ['gave up', status.lastRevert && revertText(status.lastRevert)],
    ]),
    '',
    await slotsText(status),
    '',
    nextText(status),
  ].join('\n');
}

function bootsText({ boots, confirmed, trial }: DeviceStatus): string {
  if (!boots.onTrial) {
    return trial === undefined ? boots.version : `${boots.version}, since the trial of ${trial.version} is over`;
  }
  return `${boots.version} on trial; ${confirmed.version} if that is not confirmed`;
}

/** `install, 2 boot attempts and 9 min 20 s left` */
function trialText({ intent, attemptsLeft, timeoutSeconds, secondsLeft, end }: TrialStatus): string {
  if (end !== undefined) return `${intent}, over: ${end}`;
  const attempts = `${attemptsLeft} boot attempt${attemptsLeft === 1 ? '' : 's'}`;
  return secondsLeft === undefined
    ? `${intent}, not booted yet; ${attempts}, then ${durationText(timeoutSeconds)} to confirm`
    : `${intent}, booted; ${attempts} and ${durationText(secondsLeft)} left to confirm`;
}

function downloadText({ source, receivedBytes, totalBytes }: NonNullable<DeviceStatus['download']>): string {
  const total = totalBytes === undefined ? '' : ` of ${formatByteSize(totalBytes)}`;
  return `${formatByteSize(receivedBytes)}${total} of ${source}; applying it again goes on`;
}

function revertText({ time, version, reason }: NonNullable<DeviceStatus['lastRevert']>): string {
  return `${version} at ${time}: ${reason}`;
}

function slotsText({ slots }: DeviceStatus): Promise<string> {
  return gridText(
    ['component', 'slot', 'state', 'version', 'size', 'room'],
    slots.map(({ component, slot, state, version, size, slotBytes }) => [
      component,
      slot,
      state,
      version ?? '',
      size === undefined ? '' : formatByteSize(size),
      formatByteSize(slotBytes),
    ]),
  );
}

/** What to type next. */
export function nextText(status: DeviceStatus): string {
  const device = escapeText(status.device);
  const { trial, confirmed, exchanging } = status;
  if (trial === undefined) {
    return exchanging === undefined
      ? `Next: ota apply PACKAGE --device ${device}`
      : `Next: ota device boot ${device}   (goes on with the exchange)`;
  }
  if (trial.end !== undefined) return `Next: ota device boot ${device}   (goes back to ${confirmed.version})`;
  return trial.startedAt === undefined
    ? `Next: ota device boot ${device}`
    : `Next: ota device confirm ${device}   (or boot again: it goes back once no attempt is left)`;
}

/** `ota device history` for people: a line for each event, oldest first. */
export function deviceHistoryText({ events }: { events: readonly DeviceEvent[] }): Promise<string> {
  return gridText(
    ['time', 'event', 'version', 'release', 'why'],
    events.map(({ time, type, version, release, reason }) => [time, type, version, release.slice(0, 16), reason ?? '']),
  );
}
