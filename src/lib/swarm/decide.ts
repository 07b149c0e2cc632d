import { type DdiDeployment, parseDdiSleep } from '../wire/ddi.js';
import { between, chanceOf } from './chance.js';
import type { Action, Decision, Outcome, Report, Step, UpdateEnd, VirtualDevice } from './device.js';
import { updateFate } from './fate.js';
import type { SwarmProfile } from './profile.js';

/** By what all devices of a swarm decide. */
export interface Conduct {
  readonly profile: SwarmProfile;
  readonly seed: number;
}

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;
/** A server may ask for more; nobody would wait for longer. */
const LONGEST_RETRY_AFTER_MS = 3_600_000;
/** Failed attempts in a row after which a download is given up. */
const DOWNLOAD_ATTEMPTS = 10;
const RESUME_AFTER_MS = 2000;
/** Of a server that says nothing about it. */
export const DEFAULT_SLEEP_MS = 300_000;

/**
 * The whole behaviour of a device: what it does next, from what it did and how that went. Pure; chance comes from the
 * seed and the device's name.
 */
export function decide(device: VirtualDevice, step: Step, outcome: Outcome, conduct: Conduct): Decision {
  if (outcome.type === 'failed') return afterFailure(device, step, outcome, conduct);
  const served: VirtualDevice =
    step.do === 'boot' || step.do === 'install' ? device : { ...device, failures: 0, contact: 'served' };
  if (outcome.type === 'refused') return close(served, { result: 'failure', detail: outcome.detail });
  switch (step.do) {
    case 'poll':
      return outcome.type === 'polled' ? afterPoll(served, outcome.poll, conduct) : wrong(step, outcome);
    case 'send-attributes':
      return follow({ ...served, hasNews: false }, conduct);
    case 'read-deployment':
      return outcome.type === 'deployment' ? afterDeployment(served, outcome, conduct) : wrong(step, outcome);
    case 'read-confirmation':
      return outcome.type === 'confirmation' ? afterConfirmation(served, outcome, conduct) : wrong(step, outcome);
    case 'answer-confirmation':
      if (step.agrees) return at(served, { do: 'poll' });
      return rest({ ...served, declined: step.action }, conduct);
    case 'read-cancel': {
      if (outcome.type !== 'cancel') return wrong(step, outcome);
      return at(served, { do: 'accept-cancel', id: outcome.id, stopId: outcome.stopId });
    }
    case 'accept-cancel':
      return { ...rest(idle(served), conduct), ended: endOf(served, 'canceled', 'canceled by the server') };
    case 'report':
      return afterReport(served, step, conduct);
    case 'download':
      if (outcome.type === 'stopped') return afterStop(served, outcome.receivedBytes, conduct);
      return afterArtifact(served, step.artifact);
    case 'install': {
      if (outcome.type === 'missing') return downloadAgain(served);
      if (outcome.type !== 'installed') return wrong(step, outcome);
      const action = { ...served.action!, result: outcome.installed };
      return say({ ...served, action, phase: 'rebooting' }, 'proceeding', `installed ${action.version}, restarting`);
    }
    case 'boot':
      return afterBoot(served, conduct);
  }
}

/** Nothing is left for this device to do until the server says something new. */
export function isSettled({ action, phase }: VirtualDevice): boolean {
  return action === undefined || phase === 'stuck' || phase === 'rejected';
}

function afterPoll(
  device: VirtualDevice,
  { config, _links: links }: Extract<Outcome, { type: 'polled' }>['poll'],
  conduct: Conduct,
): Decision {
  const { seconds } = conduct.profile.poll;
  const told = parseDdiSleep(config?.polling?.sleep ?? '');
  const sleepMs = seconds === undefined ? (told ?? device.sleepMs) : seconds * 1000;
  return follow({ ...device, polls: device.polls + 1, links, sleepMs }, conduct);
}

/** Follows the next link of the last poll; a device tells about itself before it does anything else. */
function follow(device: VirtualDevice, conduct: Conduct): Decision {
  const { links = {}, hasNews, action, declined } = device;
  const { configData, ...others } = links;
  if (configData !== undefined || hasNews) {
    return at({ ...device, links: others }, { do: 'send-attributes', href: configData?.href });
  }
  const followed = { ...device, links: undefined };
  const { cancelAction, confirmationBase, deploymentBase } = links;
  if (cancelAction !== undefined) return at(followed, { do: 'read-cancel', href: cancelAction.href });
  if (confirmationBase !== undefined && !hasLast(confirmationBase.href, declined)) {
    return at(followed, { do: 'read-confirmation', href: confirmationBase.href });
  }
  if (deploymentBase !== undefined) return at(followed, { do: 'read-deployment', href: deploymentBase.href });
  if (action === undefined) return rest(followed, conduct);
  return {
    ...rest(idle(followed), conduct),
    ended: endOf(followed, 'gone', 'the server does not ask for it any more'),
  };
}

function afterDeployment(
  device: VirtualDevice,
  { id, deployment }: Extract<Outcome, { type: 'deployment' }>,
  conduct: Conduct,
): Decision {
  const { action, closed } = device;
  // The server did not get it, or forgot.
  if (closed?.id === id) return at(device, { do: 'report', action: id, report: closed.report });
  if (action?.id === id) return goOn({ ...device, action: { ...action, deployment } }, conduct);
  const version = versionOf(deployment);
  const attempt = (device.attempts[version] ?? 0) + 1;
  const fate = updateFate(conduct, device, version, attempt);
  const begun: VirtualDevice = {
    ...device,
    attempts: { ...device.attempts, [version]: attempt },
    action: { id, version, deployment, fate, arrived: 0, wasCut: false },
    phase: 'accepted',
  };
  const decision =
    fate.ending === 'rejected'
      ? say({ ...begun, phase: 'rejected' }, 'rejected', 'not now')
      : say(begun, 'proceeding', `accepted ${version}`);
  return { ...decision, ended: action && endOf(device, 'gone', 'another action took its place') };
}

/** An action that waits, for its maintenance window or for ever. */
function goOn(device: VirtualDevice, conduct: Conduct): Decision {
  const { phase, action } = device;
  const { download, update } = action!.deployment;
  if (phase === 'accepted' && download !== 'skip') return say({ ...device, phase: 'downloading' }, 'download', '');
  if (phase === 'downloaded' && update !== 'skip') {
    return say({ ...device, phase: 'installing' }, 'proceeding', `installing ${action!.version}`);
  }
  return rest(device, conduct);
}

function afterConfirmation(
  device: VirtualDevice,
  { id, version }: Extract<Outcome, { type: 'confirmation' }>,
  { profile, seed }: Conduct,
): Decision {
  const attempt = (device.attempts[version] ?? 0) + 1;
  const agrees = chanceOf(seed, device.id, 'denied', version, attempt) >= profile.denied;
  return at(device, { do: 'answer-confirmation', action: id, agrees });
}

function afterReport(
  device: VirtualDevice,
  { action: id, report }: Extract<Step, { do: 'report' }>,
  conduct: Conduct,
): Decision {
  const { action, phase } = device;
  if (report.execution === 'closed') return afterClosed(device, id, report, conduct);
  switch (phase) {
    case 'rejected':
      return { ...rest(device, conduct), ended: endOf(device, 'rejected', report.detail) };
    case 'accepted': {
      if (action!.fate.ending !== 'stuck') return goOn(device, conduct);
      return { ...rest({ ...device, phase: 'stuck' }, conduct), ended: endOf(device, 'stuck', 'says nothing more') };
    }
    case 'downloading':
      return downloadFrom(device, 0);
    case 'downloaded':
      // Between download and installation is the last moment for a cancel.
      return at(device, { do: 'poll' });
    case 'installing':
      return at(device, { do: 'install' });
    default: {
      const { ending, rebootMs } = action!.fate;
      const confirmMs = ending === 'confirm' ? conduct.profile.confirmSeconds * 1000 : 0;
      return { device, step: { do: 'boot' }, inMs: rebootMs + confirmMs };
    }
  }
}

function afterClosed(device: VirtualDevice, id: string, report: Report, conduct: Conduct): Decision {
  const closed = { ...idle(device), closed: { id, report } };
  const result = report.finished === 'success' ? 'success' : 'failure';
  return { ...follow({ ...closed, links: {} }, conduct), ended: endOf(device, result, report.detail) };
}

function downloadFrom(device: VirtualDevice, artifact: number): Decision {
  const { deployment, fate, wasCut } = device.action!;
  const size = artifactsOf(deployment)[artifact]?.size;
  if (size === undefined) return afterArtifact(device, artifact - 1);
  const stops = artifact === 0 && (fate.ending === 'download' || (fate.isCut && !wasCut));
  const stopAt = stops ? Math.floor(size * fate.downloadShare) : undefined;
  return at(device, { do: 'download', artifact, stopAt });
}

function downloadAgain(device: VirtualDevice): Decision {
  return downloadFrom({ ...device, phase: 'downloading', action: { ...device.action!, arrived: 0, wasCut: true } }, 0);
}

function afterArtifact(device: VirtualDevice, artifact: number): Decision {
  const action: Action = { ...device.action!, arrived: artifact + 1 };
  if (action.arrived < artifactsOf(action.deployment).length) {
    return downloadFrom({ ...device, action }, action.arrived);
  }
  if (action.fate.ending === 'verification') {
    return close({ ...device, action }, { result: 'failure', detail: 'verification failed, as the profile wants it' });
  }
  return say({ ...device, action, phase: 'downloaded' }, 'downloaded', '');
}

function afterStop(device: VirtualDevice, receivedBytes: number, { seed }: Conduct): Decision {
  const action = device.action!;
  const size = artifactsOf(action.deployment)[action.arrived]!.size;
  if (action.fate.ending === 'download') {
    const detail = `the download ended after ${receivedBytes} of ${size} bytes`;
    return close(device, { result: 'failure', detail });
  }
  const step: Step = { do: 'download', artifact: action.arrived, stopAt: undefined };
  const inMs = RESUME_AFTER_MS * chanceOf(seed, device.id, 'resume', action.version, action.id);
  return { device: { ...device, action: { ...action, wasCut: true } }, step, inMs };
}

function afterBoot(device: VirtualDevice, { profile }: Conduct): Decision {
  const { installed, action } = device;
  const { version, fate, result } = action!;
  const back = `rolled back to ${installed.version}`;
  switch (fate.ending) {
    case 'boot':
      return close(device, { result: 'failure', detail: `${version} did not start, ${back}` });
    case 'confirm': {
      const detail = `${version} was not confirmed within ${profile.confirmSeconds} s, ${back}`;
      return close(device, { result: 'failure', detail });
    }
    default: {
      const updated = { ...device, installed: result!, hasNews: true };
      return close(updated, { result: 'success', detail: `runs ${version}` });
    }
  }
}

function afterFailure(
  device: VirtualDevice,
  step: Step,
  { status, retryAfterMs }: Extract<Outcome, { type: 'failed' }>,
  conduct: Conduct,
): Decision {
  if (status === undefined || isPassing(status)) {
    const failures = device.failures + 1;
    const failed: VirtualDevice = { ...device, failures, contact: status === undefined ? 'lost' : device.contact };
    if (step.do === 'download' && failures >= DOWNLOAD_ATTEMPTS) {
      return close(failed, { result: 'failure', detail: `the download failed ${failures} times` });
    }
    return { device: failed, step, inMs: retryInMs(failed, retryAfterMs, conduct) };
  }
  if (status === 401 || status === 403) {
    const ended = device.action && endOf(device, 'gone', `the server refuses the device (${status})`);
    return { ...rest({ ...idle(device), contact: 'refused' }, conduct), ended };
  }
  if (step.do === 'poll') return rest({ ...device, contact: 'unknown' }, conduct);
  if (step.do === 'send-attributes') return follow({ ...device, hasNews: false }, conduct);
  if (step.do === 'download') {
    return close(device, { result: 'failure', detail: `the server answers ${status} to the download` });
  }
  // 404, 410 and the like: the server does not know the action, or it is over.
  const ended = device.action && endOf(device, 'gone', `the server answers ${status}`);
  return { ...rest(idle(device), conduct), ended };
}

function isPassing(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

/** Exponential back-off with full jitter; what a server asks for is kept, and exceeded by up to a tenth of it. */
function retryInMs({ id, polls, failures }: VirtualDevice, askedMs: number | undefined, { seed }: Conduct): number {
  const chance = chanceOf(seed, id, 'retry', polls, failures);
  if (askedMs !== undefined) return Math.min(askedMs, LONGEST_RETRY_AFTER_MS) * (1 + chance / 10);
  return Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), LONGEST_RETRY_MS) * chance;
}

/** Sleeps until the next poll; perhaps the device is gone for a while. */
function rest(device: VirtualDevice, { profile, seed }: Conduct): Decision {
  const { id, polls, sleepMs } = device;
  const { offline, poll } = profile;
  if (chanceOf(seed, id, 'offline', polls) < offline.chance) {
    const inMs = 1000 * between(offline.seconds, chanceOf(seed, id, 'offline for', polls));
    return { device: { ...device, contact: 'offline' }, step: { do: 'poll' }, inMs };
  }
  const jitter = poll.jitter * (2 * chanceOf(seed, id, 'sleep', polls) - 1);
  return { device, step: { do: 'poll' }, inMs: sleepMs * (1 + jitter) };
}

function at(device: VirtualDevice, step: Step): Decision {
  return { device, step, inMs: 0 };
}

function say(device: VirtualDevice, execution: Report['execution'], detail: string): Decision {
  const report: Report = { execution, finished: 'none', detail };
  return at(device, { do: 'report', action: device.action!.id, report });
}

function close(device: VirtualDevice, { result, detail }: { result: 'success' | 'failure'; detail: string }): Decision {
  const report: Report = { execution: 'closed', finished: result, detail };
  return at(device, { do: 'report', action: device.action!.id, report });
}

function idle(device: VirtualDevice): VirtualDevice {
  return { ...device, action: undefined, phase: 'idle' };
}

/** @returns undefined where there was no action, or its end was told when it stopped making progress */
function endOf(device: VirtualDevice, result: UpdateEnd['result'], detail: string): UpdateEnd | undefined {
  const { action, phase } = device;
  if (action === undefined) return undefined;
  const wasTold = (phase === 'stuck' && result !== 'stuck') || (phase === 'rejected' && result !== 'rejected');
  if (wasTold) return undefined;
  return { action: action.id, version: action.version, result, detail };
}

/** All artifacts of a deployment, in the order of its chunks. */
export function artifactsOf({ chunks }: DdiDeployment): DdiDeployment['chunks'][number]['artifacts'] {
  return chunks.length === 1 ? chunks[0]!.artifacts : chunks.flatMap(({ artifacts }) => artifacts);
}

/** DDI does not tell the version of a distribution set: that of its first part stands for it. */
export function versionOf({ chunks }: DdiDeployment): string {
  return chunks[0]?.version ?? 'unknown';
}

/** Whether an address ends in this action, whatever query follows. */
function hasLast(href: string, action: string | undefined): boolean {
  return action !== undefined && href.replace(/[?#].*$/, '').endsWith(`/${action}`);
}

function wrong(step: Step, outcome: Outcome): never {
  throw new Error(`a step "${step.do}" cannot end as "${outcome.type}"`);
}
