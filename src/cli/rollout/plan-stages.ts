import { dirname, resolve } from 'node:path';
import type { RequestedStage } from '../../lib/campaign/planning/wanted-stages.js';
import { OtaError } from '../../lib/core/errors.js';
import { readBounded } from '../../lib/core/file-access.js';
import { escapeText } from '../../lib/core/text.js';
import { PLAN_MAX_BYTES, type PlanStage, type RateLimit } from '../../lib/rollout/plan.js';
import {
  DEFAULT_STAGES,
  nameOfChoice,
  parseStageChoice,
  parseStages,
  requireRising,
  type StageChoice,
} from '../../lib/rollout/stage-choice.js';
import { gatesOf, type Strategy } from '../../lib/rollout/strategy.js';
import type { PlanSettings, StageSetting } from './plan-settings.js';
import type { Called } from './plan-strategy.js';
import { checkedWindow, located, percentOf, rateOf, secondsOf, timeOf, windowOf } from './plan-words.js';

type StageObject = Exclude<StageSetting, string>;

/** A stage of which only the gates are not known yet: those depend on which is the last. */
interface ReadStage {
  readonly choice: StageChoice | { readonly kind: 'devices'; readonly ids: readonly string[] };
  readonly setting: Partial<StageObject>;
  readonly where: string;
}

/**
 * Reads stages, and what was said for all of them. Files that list devices are read.
 *
 * @param yamlPath files that a plan.yaml names lie beside it
 * @throws OtaError USAGE; those of reading files
 */
export async function requestedStages(
  settings: PlanSettings,
  strategy: Strategy,
  { called, yamlPath }: { called: Called; yamlPath: string | undefined },
): Promise<RequestedStage[]> {
  const stages = readStages(settings, called);
  requireRising(
    stages.map(({ choice }) => choice).filter((choice) => choice.kind !== 'devices'),
    called('stages'),
  );
  const folder = yamlPath === undefined || called('stages').startsWith('--') ? '.' : dirname(yamlPath);
  return await Promise.all(
    stages.map(async (stage, at) => ({
      name: nameOf(stage),
      choice: await listedChoice(stage, folder),
      ...timesOf(settings, stage, { called, isFirst: at === 0 }),
      ...gatesOfStage(stage, strategy, at === stages.length - 1),
    })),
  );
}

function readStages({ stages = DEFAULT_STAGES }: PlanSettings, called: Called): ReadStage[] {
  const where = called('stages');
  if (typeof stages === 'string') {
    const choices = located(where, () => parseStages(stages));
    return choices.map((choice) => ({ choice, setting: {}, where }));
  }
  return stages.map((stage, at) => {
    const setting = typeof stage === 'string' ? { devices: stage } : stage;
    const here = `${where}[${at}]`;
    const { devices } = setting;
    const choice =
      typeof devices === 'string' ? parseStageChoice(devices, here) : { kind: 'devices' as const, ids: devices };
    return { choice, setting, where: here };
  });
}

function nameOf({ choice, setting }: ReadStage): string {
  return setting.name ?? (choice.kind === 'devices' ? 'listed' : nameOfChoice(choice));
}

async function listedChoice({ choice, where }: ReadStage, folder: string): Promise<RequestedStage['choice']> {
  if (choice.kind !== 'file') return choice;
  const path = resolve(folder, choice.path);
  const text = (await readBounded(path, PLAN_MAX_BYTES, 'list of devices')).toString('utf8');
  const ids = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (ids.length > 0) return { kind: 'devices', ids };
  throw new OtaError('USAGE', `${where}: ${escapeText(choice.path)} names no device, expected one on each line`);
}

/** What is said of a stage goes before what is said of all. */
function timesOf(
  settings: PlanSettings,
  { setting, where }: ReadStage,
  { called, isFirst }: { called: Called; isFirst: boolean },
): Pick<PlanStage, 'startAt' | 'window' | 'rate'> {
  const pick = <Name extends 'start-at' | 'window' | 'rate' | 'rate-growth'>(name: Name) => {
    const own = setting[name];
    return own === undefined ? { value: settings[name], name: called(name) } : { value: own, name: `${where}.${name}` };
  };
  const startAt = setting['start-at'] ?? (isFirst ? settings['start-at'] : undefined);
  const window = pick('window');
  return {
    startAt: startAt === undefined ? null : timeOf(startAt, pick('start-at').name),
    window:
      window.value === undefined
        ? null
        : typeof window.value === 'string'
          ? windowOf(window.value, window.name)
          : checkedWindow(window.value, window.name),
    rate: rateLimit(pick('rate'), pick('rate-growth')),
  };
}

interface Said {
  readonly value: string | undefined;
  readonly name: string;
}

function rateLimit(rate: Said, growth: Said): RateLimit | null {
  if (rate.value === undefined) {
    if (growth.value === undefined) return null;
    throw new OtaError('USAGE', `${growth.name}: there is no rate that could grow`, ['Add a rate, such as 100/min.']);
  }
  const factor = growth.value === undefined ? 1 : Number(growth.value);
  if (factor >= 1 && factor <= 5) return rateOf(rate.value, factor, rate.name);
  throw new OtaError(
    'USAGE',
    `${growth.name}: a rate grows by a factor from 1 to 5, not ${escapeText(growth.value ?? '')}`,
  );
}

function gatesOfStage(
  { setting, where }: ReadStage,
  strategy: Strategy,
  isLast: boolean,
): Pick<RequestedStage, 'gates' | 'hasOwnGates'> {
  const { gates, soak, approval } = setting;
  if (gates !== undefined) {
    if (soak === undefined && approval === undefined) return { gates, hasOwnGates: true };
    throw new OtaError('USAGE', `${where}: has gates of its own, so soak and approval belong among them`);
  }
  const own: Strategy = {
    ...strategy,
    soakSeconds: soak === undefined ? strategy.soakSeconds : secondsOf(soak, `${where}.soak`),
    isApproved: approval ?? strategy.isApproved,
  };
  // What is asked for this stage by name holds for the last one, too.
  const waits = soak !== undefined || approval === true;
  return { gates: gatesOf(own, isLast && !waits), hasOwnGates: false };
}

/** Percent of devices that may have changed when the campaign starts. */
export function allowedDriftOf(settings: PlanSettings, called: Called): number {
  const text = settings['allowed-drift'];
  return text === undefined ? DEFAULT_ALLOWED_DRIFT_PERCENT : percentOf(text, called('allowed-drift'));
}

const DEFAULT_ALLOWED_DRIFT_PERCENT = 1;
