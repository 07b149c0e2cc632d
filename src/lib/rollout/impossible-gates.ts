import { OtaError } from '../core/errors.js';
import { numberText } from '../core/number-text.js';
import type { GateOf, GateSpec } from './gate-spec.js';
import { count, percentText } from './gates/evidence.js';
import { parseHealthRule } from './health-rule.js';
import { parseProbeRule } from './probe-rule.js';
import { isCertainlyAtLeast, successesNeeded } from './statistics.js';

/** A failure gate that lets so many fail is none, when another gate asks for more successes than it leaves. */
const LOOSE_FAILURE_PERCENT = 25;

const LOOPBACK = /^(?:localhost|\[::1\]|127(?:\.\d+){3})$/;

/**
 * What is wrong with the gates of a stage: those that its devices can never pass, can never fail, or that contradict each other.
 *
 * @param stageDevices devices of the stage
 * @returns a sentence each; empty: nothing
 */
export function impossibleGates(gates: readonly GateSpec[], stageDevices: number): string[] {
  const alone = gates.flatMap((gate) => faultsOf(gate, stageDevices));
  const successes = gates.filter((gate) => gate.type === 'success');
  const failures = gates.filter((gate) => gate.type === 'failure');
  return [...alone, ...successes.flatMap((success) => failures.flatMap((failure) => contradiction(success, failure)))];
}

function faultsOf(gate: GateSpec, devices: number): string[] {
  switch (gate.type) {
    case 'success':
      return successFaults(gate, devices);
    case 'failure':
      return failureFaults(gate, devices);
    case 'stuck':
      return gate.afterSeconds > 0 ? [] : ['stuck: after 0 s every device on its way is stuck at once'];
    case 'health':
      return healthFaults(gate, devices);
    case 'probe':
      return probeFaults(gate);
    case 'command':
      return gate.argv[0] === '' ? ['command: the name of the program is empty'] : [];
    case 'soak':
    case 'approval':
      return [];
  }
}

function successFaults({ atLeastPercent, confidencePercent }: GateOf<'success'>, devices: number): string[] {
  const asked = `success: ${atLeastPercent} % at ${confidencePercent} % confidence`;
  const needed = successesNeeded(atLeastPercent, confidencePercent);
  if (needed === Number.POSITIVE_INFINITY) return [`${asked} can never be certain, however many devices succeed`];
  if (needed <= devices) return [];
  return [`${asked} needs ${count(needed, 'device')} without a failure, the stage has ${numberText(devices)}`];
}

function failureFaults(gate: GateOf<'failure'>, devices: number): string[] {
  const { atMostPercent, confidencePercent, minimumSample } = gate;
  if (minimumSample > devices) {
    return [`failure: a sample of ${count(minimumSample, 'device')} is needed, the stage has ${numberText(devices)}`];
  }
  if (atMostPercent === 0 || isCertainlyAtLeast(devices, devices, atMostPercent, confidencePercent)) return [];
  const allFail = Math.exp(Math.log1p(-confidencePercent / 100) / devices);
  return [
    `failure: even if all ${count(devices, 'device')} failed, it would be certain of ${percentText(allFail)} only, never of more than ${atMostPercent} %`,
  ];
}

function contradiction(success: GateOf<'success'>, failure: GateOf<'failure'>): string[] {
  const left = Number((100 - success.atLeastPercent).toPrecision(12));
  if (failure.atMostPercent <= left || failure.atMostPercent < LOOSE_FAILURE_PERCENT) return [];
  return [
    `failure: ${failure.atMostPercent} % may fail, though success asks for ${success.atLeastPercent} %, which leaves ${left} %`,
  ];
}

function healthFaults(gate: GateOf<'health'>, devices: number): string[] {
  const rule = faultOf(() => parseHealthRule(gate.rule));
  if (rule !== undefined) return [`health: ${rule}`];
  if (gate.windowSeconds === 0) return ['health: a window of 0 s holds no message'];
  if (parseHealthRule(gate.rule).of.kind === 'offline' && gate.minimumSample > devices) {
    const has = numberText(devices);
    return [`health: ${gate.rule} needs ${count(gate.minimumSample, 'device')}, the stage has ${has}`];
  }
  return [];
}

function probeFaults({ url, pointer, rule, tokenEnv }: GateOf<'probe'>): string[] {
  const faults: string[] = [];
  const address = URL.parse(url);
  if (address?.protocol !== 'https:' && address?.protocol !== 'http:') {
    faults.push('probe: its address is none of an http or https server');
  } else if (address.username !== '' || address.password !== '') {
    // A plan is reviewed, stored and sent around.
    faults.push('probe: its address holds a password, and a plan must hold none');
  } else if (tokenEnv !== undefined && address.protocol === 'http:' && !LOOPBACK.test(address.hostname)) {
    faults.push('probe: its token would be sent in clear text, as its address is none of https');
  }
  if (pointer !== undefined && !isPointer(pointer)) faults.push('probe: its pointer is no JSON pointer (RFC 6901)');
  if (rule !== undefined && pointer === undefined) faults.push('probe: a rule without a pointer speaks of no value');
  if (rule === undefined && pointer !== undefined) faults.push('probe: nothing is asked of what its pointer names');
  const fault = rule === undefined ? undefined : faultOf(() => parseProbeRule(rule));
  if (fault !== undefined) faults.push(`probe: ${fault}`);
  return faults;
}

function isPointer(text: string): boolean {
  return /^(?:\/(?:[^~/]|~[01])*)*$/.test(text);
}

function faultOf(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (error instanceof OtaError) return error.message;
    throw error;
  }
}
