import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import { deviceListHash } from './device-list-hash.js';
import type { GateType } from './gate-spec.js';
import { impossibleGates } from './impossible-gates.js';
import { PLAN_MAX_DEVICES, type PlanStage, type RolloutPlan } from './plan.js';

/** Gates of which a stage has one at most: a campaign asks what *the* time is after which a device is stuck. */
const SINGLE_GATES: readonly GateType[] = ['stuck', 'soak', 'approval'];

/**
 * Checks what a schema cannot say of a plan: that its parts fit together.
 *
 * @param name what to call it in errors, escaped
 * @throws OtaError PLAN_INVALID, LIMIT_EXCEEDED
 */
export function checkPlan(plan: RolloutPlan, name: string): void {
  const refuse = (fact: string): never => {
    throw new OtaError('PLAN_INVALID', `${name}: ${fact}`, ['Make a new plan with `ota rollout plan`.']);
  };
  checkStageNames(plan, refuse);
  for (const [at, stage] of plan.stages.entries()) checkGates(stage, `stages[${at}]`, refuse);
  checkCohorts(plan, refuse);
  checkDevices(plan, name, refuse);
}

type Refuse = (fact: string) => never;

function checkStageNames({ stages }: RolloutPlan, refuse: Refuse): void {
  const places = new Map<string, number>();
  for (const [at, { name }] of stages.entries()) {
    const before = places.get(name);
    if (before !== undefined) refuse(`stages[${at}] is called "${escapeText(name)}" as stages[${before}] is`);
    places.set(name, at);
  }
}

function checkGates({ gates, devices }: PlanStage, where: string, refuse: Refuse): void {
  for (const type of SINGLE_GATES) {
    const count = gates.filter((gate) => gate.type === type).length;
    if (count > 1) refuse(`${where} has ${count} gates of type ${type}, at most one is possible`);
  }
  const [fault] = impossibleGates(gates, devices.length);
  if (fault !== undefined) refuse(`${where} has a gate that can never decide: ${fault}`);
}

function checkCohorts({ cohorts, stages, forecast }: RolloutPlan, refuse: Refuse): void {
  const counts = new Array<number>(cohorts.length).fill(0);
  for (const [at, { devices }] of stages.entries()) {
    for (const [place, [, cohort]] of devices.entries()) {
      if (cohort >= cohorts.length) {
        refuse(`stages[${at}].devices[${place}]: is of cohort ${cohort}, the plan has ${cohorts.length}`);
      }
      counts[cohort]!++;
    }
  }
  let downloadBytes = 0;
  for (const [at, { previous, cannotReturn, bytes, devices }] of cohorts.entries()) {
    if (counts[at] !== devices) refuse(`cohorts[${at}]: says ${devices} devices, the stages have ${counts[at]} of it`);
    if (previous === null && cannotReturn === null) {
      refuse(`cohorts[${at}]: says neither what its devices go back to nor why they cannot`);
    }
    downloadBytes += bytes * devices;
  }
  if (downloadBytes !== forecast.downloadBytes) {
    refuse(`forecast.downloadBytes is ${forecast.downloadBytes}, the cohorts download ${downloadBytes}`);
  }
}

/** A device in two places would be given the update twice, or although it was left out. */
function checkDevices({ stages, leftOut, target }: RolloutPlan, name: string, refuse: Refuse): void {
  const staged = new Map<string, number>();
  for (const [at, { devices }] of stages.entries()) {
    for (const [device] of devices) {
      const before = staged.get(device);
      if (before === at) refuse(`device ${escapeText(device)} is in stages[${at}] twice`);
      if (before !== undefined) refuse(`device ${escapeText(device)} is in stages[${before}] and in stages[${at}]`);
      staged.set(device, at);
    }
  }
  if (staged.size > PLAN_MAX_DEVICES) {
    throw new OtaError(
      'LIMIT_EXCEEDED',
      `${name}: has ${staged.size} devices in stages, at most ${PLAN_MAX_DEVICES} are possible`,
      ['Choose fewer devices with --where, and make several plans.'],
    );
  }
  const seen = new Set<string>();
  for (const [at, { devices }] of leftOut.entries()) {
    for (const device of devices) {
      const stage = staged.get(device);
      if (stage !== undefined) refuse(`device ${escapeText(device)} is in stages[${stage}] and in leftOut[${at}]`);
      if (seen.has(device)) refuse(`device ${escapeText(device)} is left out twice`);
      seen.add(device);
    }
  }
  const hash = deviceListHash([...staged.keys()]);
  if (hash !== target.devicesSha256) {
    refuse(`target.devicesSha256 is ${target.devicesSha256}, that of the devices of its stages is ${hash}`);
  }
}
