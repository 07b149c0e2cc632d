import { numberText } from '../../core/number-text.js';
import type { GateOf } from '../gate-spec.js';
import { type HealthOperator, type HealthRule, parseHealthRule } from '../health-rule.js';
import type { Measurement } from '../observation.js';
import { lowerBound, upperBound } from '../statistics.js';
import { type GateOpinion, percentText } from './evidence.js';

/** A share that only a small sample puts on the wrong side stops nothing. */
const CONFIDENCE_PERCENT = 95;

/**
 * What devices tell of themselves. A share (`errorRate`, `offline`) on the right side advances; on the wrong side it holds,
 * and fails once that is no accident of a small sample. Other numbers fail as soon as they are on the wrong side.
 */
export function judgeHealth(gate: GateOf<'health'>, measured: Measurement | undefined): GateOpinion {
  const hold = (fact: string): GateOpinion => ({ decision: 'hold', reason: `${gate.rule}: ${fact}` });
  if (measured === undefined || measured.sample === 0) return hold('nothing was measured');
  const { value, sample, control } = measured;
  if (sample < gate.minimumSample) {
    return hold(`a sample of ${numberText(sample)}, ${numberText(gate.minimumSample)} needed`);
  }
  if (!Number.isFinite(value)) return hold(`${value} is no measurement`);
  const rule = parseHealthRule(gate.rule);
  if (rule.comparedTo === 'value') {
    const fact = `${valueText(rule, value)} in a sample of ${numberText(sample)}`;
    if (compare(rule.operator, value, rule.limit)) return { decision: 'advance', reason: `${gate.rule}: ${fact}` };
    if (rule.of.kind !== 'metric' && !isCertainlyWrong(rule, value, sample)) {
      return hold(`${fact}, too small to be certain at ${CONFIDENCE_PERCENT} %`);
    }
    return { decision: gate.otherwise, reason: `${gate.rule}: ${fact}` };
  }
  if (control === undefined || !Number.isFinite(control)) return hold('nothing was measured in the control group');
  if (control < 0) return hold(`${control} in the control group is negative, a share of it says nothing`);
  const fact = `${valueText(rule, value)} against ${valueText(rule, control)} in the control group`;
  // 120 % of no errors are no errors: the same as in the control group is never more than it.
  const isSame = control === 0 && value === 0 && rule.limit >= 100 && rule.operator === '<';
  const isGood = isSame || compare(rule.operator, value, (control * rule.limit) / 100);
  return { decision: isGood ? 'advance' : gate.otherwise, reason: `${gate.rule}: ${fact}` };
}

function isCertainlyWrong({ operator, limit }: HealthRule, value: number, sample: number): boolean {
  const hits = Math.min(sample, Math.max(0, Math.round((value * sample) / 100)));
  return operator === '<' || operator === '<='
    ? !compare(operator, lowerBound(hits, sample, CONFIDENCE_PERCENT) * 100, limit)
    : !compare(operator, upperBound(hits, sample, CONFIDENCE_PERCENT) * 100, limit);
}

function compare(operator: HealthOperator, value: number, limit: number): boolean {
  switch (operator) {
    case '<':
      return value < limit;
    case '<=':
      return value <= limit;
    case '>':
      return value > limit;
    case '>=':
      return value >= limit;
  }
}

function valueText(rule: HealthRule, value: number): string {
  return rule.of.kind === 'metric' ? String(Number(value.toPrecision(6))) : percentText(value / 100, rule.limit);
}
