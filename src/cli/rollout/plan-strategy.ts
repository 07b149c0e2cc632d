import { OtaError } from '../../lib/core/errors.js';
import type { GateSpec } from '../../lib/rollout/gate-spec.js';
import { DEFAULT_STRATEGY, type Strategy } from '../../lib/rollout/strategy.js';
import type { PlanSettings } from './plan-settings.js';
import { healthOf, percentOf, probeOf, secondsOf } from './plan-words.js';

/** How a setting is called in errors: `--soak`, `plan.yaml: soak`. */
export type Called = (setting: keyof PlanSettings) => string;

/**
 * What is asked of all stages: as it is recommended, and otherwise as somebody has said.
 *
 * @throws OtaError USAGE
 */
export function strategyOf(settings: PlanSettings, called: Called): Strategy {
  const otherwise = settings['on-failure'] ?? 'pause';
  const percent = (name: 'success' | 'completed' | 'failure', recommended: number) => {
    const text = settings[name];
    return text === undefined ? recommended : percentOf(text, called(name));
  };
  const confidencePercent = confidenceOf(settings, called);
  const { success, failure, stuck } = DEFAULT_STRATEGY;
  const stuckSeconds = settings.stuck === undefined ? stuck!.afterSeconds : secondsOf(settings.stuck, called('stuck'));
  const others: GateSpec[] = [
    ...list(settings.health).map((rule) => healthOf(rule, otherwise, called('health'))),
    ...list(settings.probe).map((probe) => probeOf(probe, otherwise, called('probe'))),
  ];
  const atMostPercent =
    settings.failure === 'none' ? failure!.atMostPercent : percent('failure', failure!.atMostPercent);
  return {
    success:
      settings.success === 'none'
        ? null
        : {
            ...success!,
            atLeastPercent: percent('success', success!.atLeastPercent),
            completedPercent: percent('completed', success!.completedPercent),
            confidencePercent,
          },
    // Without a time after which a device is stuck, one that is switched off would keep it from ending for ever.
    lastCompletedPercent:
      settings.completed === undefined && stuckSeconds > 0
        ? DEFAULT_STRATEGY.lastCompletedPercent
        : percent('completed', success!.completedPercent),
    failure: settings.failure === 'none' ? null : { ...failure!, atMostPercent, confidencePercent, otherwise },
    stuck: stuckSeconds === 0 ? null : { ...stuck!, afterSeconds: stuckSeconds, atMostPercent, otherwise },
    others,
    soakSeconds: settings.soak === undefined ? DEFAULT_STRATEGY.soakSeconds : secondsOf(settings.soak, called('soak')),
    isApproved: settings.approval ?? false,
  };
}

function confidenceOf({ confidence }: PlanSettings, called: Called): number {
  if (confidence === undefined) return DEFAULT_STRATEGY.success!.confidencePercent;
  const percent = percentOf(confidence, called('confidence'));
  if (percent >= 50 && percent <= 99.99) return percent;
  throw new OtaError('USAGE', `${called('confidence')}: a confidence is from 50 to 99.99 %, not ${percent} %`);
}

export function list(value: string | readonly string[] | undefined): readonly string[] {
  return typeof value === 'string' ? [value] : (value ?? []);
}
