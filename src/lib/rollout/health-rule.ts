import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';

export const HEALTH_OPERATORS = ['<=', '>=', '<', '>'] as const;
export type HealthOperator = (typeof HEALTH_OPERATORS)[number];

/** What has to hold of what devices tell. */
export interface HealthRule {
  readonly of: /** Share of messages that tell of an error, percent. */
    | { readonly kind: 'errorRate' }
    /** Share of devices that are offline, percent. */
    | { readonly kind: 'offline' }
    /** Of a number in telemetry. `quantile` from 0 to 1, or the mean. */
    | { readonly kind: 'metric'; readonly path: readonly string[]; readonly quantile: number | 'mean' };
  readonly operator: HealthOperator;
  /** Percent of a share or of the control group; else in the metric's own unit. */
  readonly limit: number;
  readonly comparedTo: 'value' | 'control';
}

/** What a server measures, at most: a rule that it refuses would hold a campaign up for ever. */
const MAX_PATH = 16;
const MAX_NAME = 128;

const RULE =
  /^\s*(?:(?<share>errorRate|offline)|(?<statistic>p\d{1,2}(?:\.\d{1,4})?|median|mean)\s*\(\s*(?<path>[^\s()<>=%]{1,200})\s*\))\s*(?<operator><=|>=|<|>)\s*(?<limit>-?\d{1,15}(?:\.\d{1,9})?)\s*(?<percent>%)?\s*(?<control>of\s+control)?\s*$/;

/**
 * Reads a rule: `errorRate < 1%`, `offline < 5%`, `p95(latencyMs) < 250`, `mean(battery.level) > 20`,
 * `p95(latencyMs) < 120% of control`.
 *
 * @throws OtaError USAGE
 */
export function parseHealthRule(text: string): HealthRule {
  const found = text.length <= 256 ? RULE.exec(text)?.groups : undefined;
  if (found === undefined) throw noRule(text, 'is no rule on health');
  const limit = Number(found.limit);
  const comparedTo = found.control === undefined ? 'value' : 'control';
  const isPercent = found.percent !== undefined;
  if (comparedTo === 'control' && !isPercent) throw noRule(text, 'compares to the control group without a %');
  const operator = found.operator as HealthOperator;
  if (found.share !== undefined) {
    if (!isPercent) throw noRule(text, `needs a limit in percent, as ${found.share} is a share`);
    if (limit < 0 || (comparedTo === 'value' && limit > 100)) throw noRule(text, 'has a limit that no share can have');
    return { of: { kind: found.share as 'errorRate' | 'offline' }, operator, limit, comparedTo };
  }
  if (isPercent && comparedTo === 'value') throw noRule(text, 'has a limit in percent, of what it does not say');
  if (comparedTo === 'control' && limit < 0) throw noRule(text, 'has a negative share of the control group');
  const path = found.path!.split('.');
  if (path.includes('')) throw noRule(text, 'has an empty name in its path');
  if (path.length > MAX_PATH || path.some((name) => name.length > MAX_NAME)) {
    throw noRule(text, `has a path of more than ${MAX_PATH} names, or a name of more than ${MAX_NAME} characters`);
  }
  return { of: { kind: 'metric', path, quantile: quantileOf(found.statistic!) }, operator, limit, comparedTo };
}

function quantileOf(statistic: string): number | 'mean' {
  if (statistic === 'mean') return 'mean';
  return statistic === 'median' ? 0.5 : Number((Number(statistic.slice(1)) / 100).toPrecision(9));
}

function noRule(text: string, fact: string): OtaError {
  return new OtaError('USAGE', `"${escapeText(text.slice(0, 256))}" ${fact}`, [
    'Write a rule such as `errorRate < 1%`, `offline < 5%`, `p95(latencyMs) < 250` or `p95(latencyMs) < 120% of control`.',
  ]);
}
