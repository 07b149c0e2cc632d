import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import type { ProbeResult } from './observation.js';

export const PROBE_OPERATORS = ['==', '!=', '<=', '>=', '<', '>'] as const;
export type ProbeOperator = (typeof PROBE_OPERATORS)[number];

/** What a probe's value has to be. */
export interface ProbeRule {
  readonly operator: ProbeOperator;
  readonly value: number | string | boolean;
}

const NUMBER = /^[+-]?(?:\d{1,300}(?:\.\d{0,300})?|\.\d{1,300})(?:[eE][+-]?\d{1,3})?$/;
const RULE = /^\s*(==|!=|<=|>=|<|>)\s*(\S.*?)\s*$/s;
/** A value is shown up to here. */
const MAX_SHOWN = 120;

/**
 * Reads a rule: `< 0.01`, `>= 3`, `== "ok"`, `!= true`.
 *
 * @throws OtaError USAGE
 */
export function parseProbeRule(text: string): ProbeRule {
  const [, operator, written = ''] = RULE.exec(text.slice(0, 256)) ?? [];
  const value = literalOf(written);
  if (operator === undefined || value === undefined) throw noRule(text, 'is no rule on a value');
  const isOrder = operator !== '==' && operator !== '!=';
  if (isOrder && typeof value !== 'number') throw noRule(text, 'orders by what is no number');
  return { operator: operator as ProbeOperator, value };
}

function literalOf(written: string): number | string | boolean | undefined {
  if (written === 'true') return true;
  if (written === 'false') return false;
  if (NUMBER.test(written)) return Number.isFinite(Number(written)) ? Number(written) : undefined;
  if (!/^".*"$/s.test(written)) return undefined;
  try {
    const value: unknown = JSON.parse(written);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

function noRule(text: string, fact: string): OtaError {
  return new OtaError('USAGE', `"${escapeText(text.slice(0, 256))}" ${fact}`, [
    'Write an operator and a value, such as `< 0.01`, `== "ok"` or `== true`.',
  ]);
}

/**
 * Judges what a probe found. Where there is nothing to compare (absent, null, not a number), it holds: no data is never good.
 *
 * @param value as JSON gives it; a number may stand in a text, as Prometheus writes it
 * @returns `said` as `0.004 < 0.01`
 */
export function judgeProbe(rule: ProbeRule, value: unknown): ProbeResult {
  const limit = JSON.stringify(rule.value);
  if (value === undefined || value === null)
    return { outcome: 'holds', said: `no value to hold ${rule.operator} ${limit}` };
  if (typeof rule.value === 'number') {
    const number = numberOf(value);
    if (number === undefined) return { outcome: 'holds', said: `${shown(value)} is no number` };
    return verdict(rule, compare(rule.operator, number, rule.value), String(number), limit);
  }
  if (typeof value === 'object') return { outcome: 'holds', said: `${shown(value)} is no single value` };
  const isEqual = value === rule.value;
  return verdict(rule, rule.operator === '==' ? isEqual : !isEqual, shown(value), limit);
}

function verdict(rule: ProbeRule, isGood: boolean, found: string, limit: string): ProbeResult {
  if (isGood) return { outcome: 'good', said: `${found} ${rule.operator} ${escapeText(limit)}` };
  return { outcome: 'bad', said: `${found}, ${rule.operator} ${escapeText(limit)} is asked for` };
}

/** Prometheus writes numbers as text, `NaN`, `+Inf` and `-Inf` among them. */
function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isNaN(value) ? undefined : value;
  if (typeof value !== 'string') return undefined;
  if (value === '+Inf') return Number.POSITIVE_INFINITY;
  if (value === '-Inf') return Number.NEGATIVE_INFINITY;
  return NUMBER.test(value) ? Number(value) : undefined;
}

function compare(operator: ProbeOperator, value: number, limit: number): boolean {
  switch (operator) {
    case '==':
      return value === limit;
    case '!=':
      return value !== limit;
    case '<=':
      return value <= limit;
    case '>=':
      return value >= limit;
    case '<':
      return value < limit;
    case '>':
      return value > limit;
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return escapeText(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text);
}
