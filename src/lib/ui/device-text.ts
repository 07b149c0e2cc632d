import { formatByteSize } from '../core/byte-size.js';
import { escapeText } from '../core/text.js';
import type { BootReport, GivenUp } from '../device/boot.js';
import type { DeviceEvent, ReleaseRecord } from '../device/boot-control.js';
import type { ConfirmReport } from '../device/confirm.js';
import type { DeviceStatus, TrialStatus } from '../device/device-status.js';
import type { InstalledComponent, InstallReport } from '../device/install.js';
import type { Layout } from '../device/layout.js';
import type { RollbackReport } from '../device/rollback.js';
import { durationText } from './progress.js';
import { factsText, gridText, longGridText } from './table.js';

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
    ...(dryRun ? [] : [`Next: ota apply PACKAGE --device ${escapeText(device)}`]),
  ].join('\n');
}

/** `ota apply --device DIR` for people. */
export function deviceApplyText(report: InstallReport & { device: string; dryRun: boolean }): string {
  const { outcome, version, components, dryRun } = report;
  const device = escapeText(report.device);
  if (outcome === 'already-running') return `${device}: release ${version} runs already, nothing was changed`;
  const chances = chancesText(report);
  if (outcome === 'already-installed') {
    return [
      `${device}: release ${version} is installed already and boots next, on trial (${chances})`,
      `Next: ota device boot ${device}`,
    ].join('\n');
  }
  return [
    dryRun
      ? `${device}: release ${version} would be installed, and boot next, on trial (${chances})`
      : `${device}: release ${version} is installed and boots next, on trial (${chances})`,
    factsText(components.map((component) => [component.component, installedText(component, dryRun)] as const)),
    ...(dryRun ? [] : [`Next: ota device boot ${device}`]),
  ].join('\n');
}

function installedText(
  { slot, target, file, unchanged, writtenBytes, skippedBytes }: InstalledComponent,
  dryRun: boolean,
): string {
  if (unchanged) return `slot ${slot} keeps ${target.version}, the image is the same`;
  const made = `slot ${slot}: ${target.version}, made by ${file}`;
  if (dryRun) return `${made}, ${formatByteSize(target.size)}`;
  const found = skippedBytes === 0 ? '' : `, ${formatByteSize(skippedBytes)} were there already`;
  return `${made}; ${formatByteSize(writtenBytes)} written${found}`;
}

/** What a release gets to prove itself in. */
function chancesText({ attempts = 0, timeoutSeconds = 0 }: InstallReport): string {
  return `${counted(attempts, 'boot attempt')}, ${durationText(timeoutSeconds)} to confirm`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** `ota device boot` for people. */
export function deviceBootText(
  report: BootReport & { device: string; dryRun: boolean; status?: DeviceStatus },
): string {
  const { booted, behaviour, reverted, fellBack, swapped, undecided, dryRun, status } = report;
  const device = escapeText(report.device);
  const would = dryRun ? 'would ' : '';
  const ends = { good: '', fails: ', which failed and reset', hangs: ', which hung until the watchdog ended it' };
  const boot = dryRun ? 'boot' : 'booted';
  return [
    ...(reverted ? [`${device}: ${would}${dryRun ? 'give' : 'gave'} up ${givenUpText(reverted)}`] : []),
    ...(fellBack ? [`${device}: ${would}${dryRun ? 'fall' : 'fell'} back from ${givenUpText(fellBack)}`] : []),
    ...swapped.map((component) => `${device}: ${would}${dryRun ? 'exchange' : 'exchanged'} the images of ${component}`),
    ...(undecided === undefined ? [] : [`${device}: nothing could be decided: ${escapeText(undecided)}`]),
    `${device}: ${would}${boot} ${booted.version}${booted.onTrial ? ' on trial' : ''}${ends[behaviour]}`,
    ...(status?.trial ? [`Trial: ${trialText(status.trial)}`] : []),
    ...(dryRun || status === undefined ? [] : [nextText(status, behaviour !== 'good')]),
  ].join('\n');
}

function givenUpText({ version, reason }: GivenUp): string {
  return `${version}: ${escapeText(reason)}`;
}

/** `ota device confirm` for people. */
export function deviceConfirmText(report: ConfirmReport & { device: string; dryRun: boolean }): string {
  const { version, dryRun, securityCounter, counterRaised } = report;
  const device = escapeText(report.device);
  return [
    `${device}: ${version} ${dryRun ? 'would be confirmed, and boot' : 'is confirmed and boots'} from now on`,
    ...(counterRaised
      ? [
          `The stored security counter ${dryRun ? 'would be' : 'is now'} ${securityCounter}: releases below it never run here again`,
        ]
      : []),
  ].join('\n');
}

/** `ota device rollback` for people. */
export function deviceRollbackText(report: RollbackReport & { device: string; dryRun: boolean }): string {
  const { outcome, version, from, components, rejected, snapshot, dryRun } = report;
  const device = escapeText(report.device);
  const goes = dryRun ? 'would go' : outcome === 'already-installed' ? 'goes already' : 'goes';
  return [
    `${device}: ${goes} back from ${from.version} to ${version} at the next boot, on trial (${chancesText(report)})`,
    ...rejected.map((passed) => `Passed over ${passed.version}: ${escapeText(passed.reason)}`),
    factsText([
      ...components.map((component) => [component.component, returnedText(component, dryRun)] as const),
      ['snapshot', snapshot],
    ]),
    ...(dryRun ? [] : [`Next: ota device boot ${device}`]),
  ]
    .filter((text) => text !== '')
    .join('\n');
}

function returnedText(component: InstalledComponent, dryRun: boolean): string {
  return component.unchanged
    ? `slot ${component.slot} still holds ${component.target.version}`
    : installedText(component, dryRun);
}

/** `ota device snapshot` for people. */
export function deviceSnapshotText(report: { device: string; dryRun: boolean; file: string }): string {
  const file = escapeText(report.file);
  return [
    `${file}: ${report.dryRun ? 'would hold' : 'holds'} the state of ${escapeText(report.device)}`,
    ...(report.dryRun ? [] : [`Next: ota explain PACKAGE --device ${file}`]),
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

/** `install, booted; 2 boot attempts and 9 min 20 s left to confirm` */
function trialText({ intent, attemptsLeft, timeoutSeconds, secondsLeft, confirmable, end }: TrialStatus): string {
  const attempts = counted(attemptsLeft, 'boot attempt');
  if (secondsLeft === undefined) {
    return `${intent}, not booted yet; ${attempts}, then ${durationText(timeoutSeconds)} to confirm`;
  }
  if (confirmable) return `${intent}, booted; ${attempts} and ${durationText(secondsLeft)} left to confirm`;
  return `${intent}, over: ${end ?? 'it cannot be confirmed any more'}`;
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

/** What to type next. @param failed what booted last did not come up */
function nextText({ device, trial, confirmed, exchanging }: DeviceStatus, failed = false): string {
  const boot = `Next: ota device boot ${escapeText(device)}`;
  if (exchanging !== undefined) return `${boot} (goes on with the exchange)`;
  if (trial === undefined) return `Next: ota apply PACKAGE --device ${escapeText(device)}`;
  const goesBack = trial.end === undefined ? '' : `goes back to ${confirmed.version}`;
  if (!trial.confirmable || failed) return goesBack === '' ? boot : `${boot} (${goesBack})`;
  const otherwise = goesBack === '' ? 'goes back once no attempt is left' : goesBack;
  return `Next: ota device confirm ${escapeText(device)} (booting again ${otherwise})`;
}

/** `ota device history` for people: a line for each event, oldest first. */
export function deviceHistoryText({ events }: { events: readonly DeviceEvent[] }): string {
  return longGridText(
    ['time', 'event', 'version', 'release', 'why'],
    events.map(({ time, type, version, release, reason }) => [time, type, version, release.slice(0, 16), reason ?? '']),
  );
}
