import { countText } from './operation-text.js';
import type { SimulationReport } from './report.js';

/** The result in one sentence, without a name. */
export function verdictText({ totals, complete, violations }: SimulationReport): string {
  const faults = `${countText(totals.faultPoints)} ${totals.faultPoints === 1 ? 'fault' : 'faults'}`;
  if (totals.violations > 0) {
    const names = [...new Set(violations.map(({ invariant }) => invariant))].join(', ');
    const until = complete ? '' : ' until it was interrupted';
    return `fails, ${countText(totals.violations)} of ${faults}${until} broke an invariant${names === '' ? '' : `: ${names}`}`;
  }
  if (!complete) return `not finished, ${faults} until it was interrupted and no broken invariant`;
  return `survives, ${faults} and no broken invariant`;
}

/** `good`, `bad:3`, `hang` in words. */
export function boots(name: string): string {
  if (name === 'good') return 'The new firmware is good';
  if (name === 'hang') return 'The new firmware hangs';
  const [, count] = /^bad:(\d+)$/.exec(name) ?? [];
  if (count === undefined) return name;
  return `The new firmware fails its first ${count === '1' ? 'boot' : `${count} boots`}`;
}

/** `single`, `pairs`, `random:3` in words. */
export function cutsText(cuts: string): string {
  if (cuts === 'single') return 'One fault a life, each at every operation';
  if (cuts === 'pairs') return 'One fault, then every second fault after it';
  const [, count] = /^random:(\d+)$/.exec(cuts) ?? [];
  return count === undefined ? cuts : `${count} faults a life, at places drawn from the seed`;
}

/** `0.8 s`, `42 s`, `3 min 5 s` */
export function durationText(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
