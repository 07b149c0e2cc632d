import { OtaError } from '../core/errors.js';
import type { BootsSpec } from './scenario.js';

/** How many faults a life gets: one, every pair, or so many at random places in each of many lives. */
export type Cuts = { kind: 'single' } | { kind: 'pairs' } | { kind: 'random'; faults: number };

const MAX_FAULTS = 64;

/** @throws OtaError SIMULATION_INVALID */
export function parseCuts(text: string): Cuts {
  if (text === 'single' || text === 'pairs') return { kind: text };
  const [, digits] = /^random:([1-9]\d?)$/.exec(text) ?? [];
  const faults = Number(digits);
  if (faults <= MAX_FAULTS) return { kind: 'random', faults };
  throw new OtaError(
    'SIMULATION_INVALID',
    `cuts: got ${JSON.stringify(text)}, expected single, pairs, or random:K with K from 1 to ${MAX_FAULTS}`,
    ['For example random:3, for lives with three faults each, at places drawn from the seed.'],
  );
}

/** As it was typed. */
export function cutsName(cuts: Cuts): string {
  return cuts.kind === 'random' ? `random:${cuts.faults}` : cuts.kind;
}

/** What a release may turn out to be: good; unable to boot for as long as it is tried; hanging. */
export function everyBoots(bootAttempts: number): BootsSpec[] {
  return ['good', `bad:${bootAttempts}`, 'hang'];
}
