import { OtaError } from '../core/errors.js';

/** How the new firmware behaves: `good`; `bad:3` fails its first three boots, then it is good; `hang` always hangs. */
export type Boots = { kind: 'good' } | { kind: 'bad'; failures: number } | { kind: 'hang' };

/** How many faults a life gets: one, every pair, or so many at random places in each of many lives. */
export type Cuts = { kind: 'single' } | { kind: 'pairs' } | { kind: 'random'; faults: number };

const MAX_FAILURES = 255;
const MAX_FAULTS = 64;

/** @throws OtaError USAGE */
export function parseBoots(text: string): Boots {
  if (text === 'good' || text === 'hang') return { kind: text };
  const failures = numberAfter('bad:', text, MAX_FAILURES);
  if (failures !== undefined) return { kind: 'bad', failures };
  throw new OtaError('USAGE', `--boots ${text}: expected good, hang, or bad:N with N from 1 to ${MAX_FAILURES}`, [
    'Write --boots bad:3 for a firmware that fails its first three boots; give the option again for another one.',
  ]);
}

/** @throws OtaError USAGE */
export function parseCuts(text: string): Cuts {
  if (text === 'single' || text === 'pairs') return { kind: text };
  const faults = numberAfter('random:', text, MAX_FAULTS);
  if (faults !== undefined) return { kind: 'random', faults };
  throw new OtaError('USAGE', `--cuts ${text}: expected single, pairs, or random:K with K from 1 to ${MAX_FAULTS}`, [
    'Write --cuts random:3 for lives with three faults each, at places drawn from --seed.',
  ]);
}

export function bootsName(boots: Boots): string {
  return boots.kind === 'bad' ? `bad:${boots.failures}` : boots.kind;
}

export function cutsName(cuts: Cuts): string {
  return cuts.kind === 'random' ? `random:${cuts.faults}` : cuts.kind;
}

/** What a release may turn out to be: good; unable to boot for as long as it is tried; hanging. */
export function everyBoots(bootAttempts: number): Boots[] {
  return [{ kind: 'good' }, { kind: 'bad', failures: bootAttempts }, { kind: 'hang' }];
}

function numberAfter(prefix: string, text: string, max: number): number | undefined {
  const digits = text.startsWith(prefix) ? text.slice(prefix.length) : '';
  if (!/^[1-9]\d{0,5}$/.test(digits)) return undefined;
  return Number(digits) <= max ? Number(digits) : undefined;
}
