import { describe, expect, it } from 'vitest';
import type * as RealUpdater from '../../src/lib/simulate/real-updater.js';
import { realUpdater } from '../../src/lib/simulate/real-updater.js';
import type { Updater } from '../../src/lib/simulate/updater.js';
import { IMAGE_MUTANTS } from '../lib/simulate/mutants/images.js';
import type { Mutant } from '../lib/simulate/mutants/mutant.js';
import { SITUATIONS, type Situation, situationName } from '../lib/simulate/mutants/situation.js';
import { STATE_MUTANTS } from '../lib/simulate/mutants/state.js';
import { Trial } from '../lib/simulate/mutants/trial.js';
import { mutantModule } from '../support/mutant-source.js';

const MUTANTS = [...IMAGE_MUTANTS, ...STATE_MUTANTS];

async function updaterOf({ edits }: Mutant): Promise<Updater> {
  const mutant: typeof RealUpdater = await import(mutantModule('simulate/real-updater.ts', edits));
  expect(mutant.realUpdater).not.toBe(realUpdater);
  return mutant.realUpdater;
}

describe('the explorer', () => {
  it.each(Object.values<Situation>(SITUATIONS).map((situation) => ({ situation, name: situationName(situation) })))(
    'acquits the updater of this program: $name',
    async ({ situation }) => {
      const findings = await new Trial(situation, realUpdater).explore();
      expect(findings.violations).toEqual([]);
      expect(findings.faultPoints).toBeGreaterThan(1000);
    },
  );

  it.each(MUTANTS)('convicts an updater that $what', async (mutant) => {
    const trial = new Trial(mutant.situation, await updaterOf(mutant));
    const findings = await trial.explore({ first: mutant.first });
    const violation = findings.violations.find(({ invariant }) => invariant === mutant.breaks);
    if (violation === undefined) expect.fail(`found ${JSON.stringify(findings.violations)}`);
    const { trace, token } = await trial.describe(violation);
    expect(trace.length).toBeGreaterThan(1);
    expect(trace.at(-1)).toMatch(/^violated: /);
    expect(await trial.replay(token)).toBe(mutant.breaks);
  });
});

it('breaks the updater in many ways, each of its own', () => {
  expect(MUTANTS.length).toBeGreaterThanOrEqual(24);
  expect(new Set(MUTANTS.map(({ edits }) => JSON.stringify(edits))).size).toBe(MUTANTS.length);
});
