import { dirname, resolve } from 'node:path';
import type { PlanRequest } from '../../lib/campaign/draft-plan.js';
import { OtaError } from '../../lib/core/errors.js';
import { escapeText } from '../../lib/core/text.js';
import { parseDeviceChoice } from '../../lib/query/device-choice.js';
import { allOf, type Filter } from '../../lib/query/filter.js';
import { parseWhere } from '../../lib/query/friendly-filter.js';
import { campaignName } from '../../lib/rollout/plan.js';
import type { PlanSettings } from './plan-settings.js';
import { allowedDriftOf, requestedStages } from './plan-stages.js';
import { type Called, list, strategyOf } from './plan-strategy.js';
import { located } from './plan-words.js';

/** All of a plan that is said by settings. */
export type SaidRequest = Omit<PlanRequest, 'driver' | 'pkg' | 'file' | 'now' | 'signal' | 'onDevices'>;

/**
 * Reads settings: every one that means nothing is refused before a package is opened or a server asked.
 *
 * @param yamlPath of the file that settings come from which nobody typed
 * @throws OtaError USAGE, LIMIT_EXCEEDED; those of reading files that list devices
 */
export async function planRequest(
  settings: PlanSettings,
  { called, yamlPath }: { called: Called; yamlPath: string | undefined },
): Promise<SaidRequest> {
  const strategy = strategyOf(settings, called);
  const choice = (name: 'target' | 'exclude' | 'hold' | 'canary'): Filter | undefined => {
    const text = settings[name];
    return text === undefined ? undefined : located(called(name), () => parseDeviceChoice(text));
  };
  return {
    name: settings.name === undefined ? undefined : nameOf(settings.name, called),
    target: targetOf(settings, choice('target'), called),
    ...{ exclude: choice('exclude'), hold: choice('hold'), canary: choice('canary') },
    stages: await requestedStages(settings, strategy, { called, yamlPath }),
    areStagesRecommended: settings.stages === undefined,
    smallStages: settings['small-stages'] ?? 'merge',
    spread: labelsOf(settings.spread),
    seed: settings.seed,
    includesBusy: settings['include-busy'] ?? false,
    includesRefused: settings['include-refused'] ?? false,
    noFullFallback: settings['no-full-fallback'] ?? false,
    onAbort: settings['on-abort'] ?? 'stop',
    allowedDriftPercent: allowedDriftOf(settings, called),
    webhook: settings.webhook === undefined ? null : webhookOf(settings.webhook, called('webhook')),
  };
}

/** Beside the plan.yaml that names it; a path of the command line is what it is. */
export function packageOf(
  settings: PlanSettings,
  { called, yamlPath }: { called: Called; yamlPath: string | undefined },
): string {
  const spec = settings.package;
  if (spec === undefined) {
    throw new OtaError('USAGE', 'there is no package to plan for', ['Name it with --package, or in a --plan file.']);
  }
  const isFromFile = yamlPath !== undefined && !called('package').startsWith('--');
  return isFromFile && spec !== '-' && !/^https?:\/\//.test(spec) ? resolve(dirname(yamlPath), spec) : spec;
}

/** A fleet is never updated because somebody forgot to say which part of it. */
function targetOf(settings: PlanSettings, target: Filter | undefined, called: Called): Filter | undefined {
  const conditions = list(settings.where).map((text) => located(called('where'), () => parseWhere(text)));
  if (settings.target === undefined && conditions.length === 0) {
    throw new OtaError('USAGE', 'nobody has said which devices are meant', [
      'Use --target all for all of them, --target group:NAME, or --where model=x.',
    ]);
  }
  const [first, ...rest] = target === undefined ? conditions : [target, ...conditions];
  return first === undefined ? undefined : allOf([first, ...rest]);
}

function labelsOf(spread: PlanSettings['spread']): string[] {
  if (spread === undefined) return ['model', 'version'];
  return list(spread).flatMap((text) => text.split(',').map((label) => label.trim()));
}

function nameOf(name: string, called: Called): string {
  if (campaignName.safeParse(name).success) return name;
  throw new OtaError(
    'USAGE',
    `${called('name')}: "${escapeText(name)}" is no name of a campaign, expected at most 63 of a–z, 0–9, ".", "_" and "-"`,
  );
}

/** A plan is reviewed, stored and sent around: it holds no password. */
function webhookOf(text: string, where: string): string {
  const url = URL.parse(text);
  if ((url?.protocol === 'https:' || url?.protocol === 'http:') && url.username === '' && url.password === '')
    return text;
  throw new OtaError('USAGE', `${where}: expected an http or https address without a password`);
}
