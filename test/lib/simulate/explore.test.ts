import { describe, expect, it } from 'vitest';
import { randomNumbers } from '../../../src/lib/core/random-numbers.js';
import { Explorer, OrdinaryViolation } from '../../../src/lib/simulate/explore.js';
import { addFindings, type Findings, noFindings } from '../../../src/lib/simulate/findings.js';
import { type BootsSpec, phasesOf } from '../../../src/lib/simulate/scenario.js';
import type { Updater } from '../../../src/lib/simulate/updater.js';
import { type ToyOptions, toyExperiment } from './toy-updater.js';

async function exploreToy(
  options: ToyOptions,
  { boots = 'good', pairs = false, raises = false }: { boots?: BootsSpec; pairs?: boolean; raises?: boolean } = {},
): Promise<Findings & { operations: number }> {
  const experiment = await toyExperiment(options, raises);
  const explorer = new Explorer(experiment, phasesOf(boots, experiment.bootAttempts, !raises));
  const findings = noFindings();
  const steps = await explorer.undisturbed();
  for (const [index, step] of steps.entries()) {
    if (!explorer.isExplored(step)) continue;
    addFindings(findings, await explorer.harmBefore(step, index));
    for (const at of step.operations.keys()) addFindings(findings, await explorer.faultsAt(step, at, { pairs }));
  }
  return { ...findings, operations: steps.reduce((sum, { operations }) => sum + operations.length, 0) };
}

const invariants = ({ violations }: Findings) => violations.map(({ invariant }) => invariant);

describe('a sound updater', () => {
  it.each<BootsSpec>(['good', 'bad:1', 'bad:2', 'hang'])(
    'survives every fault with firmware that is %s',
    async (boots) => {
      const findings = await exploreToy({}, { boots });
      expect(findings.violations).toEqual([]);
      expect(findings.faultPoints).toBeGreaterThan(findings.operations * 4);
      expect(findings.states.size).toBeLessThan(findings.faultPoints);
      expect(findings.bootedOld).toBeGreaterThan(0);
      expect(findings.bootedNew).toBeGreaterThan(0);
    },
  );

  it('survives every pair of cuts', async () => {
    const findings = await exploreToy({}, { pairs: true });
    expect(findings.violations).toEqual([]);
    expect(findings.pairs).toBeGreaterThan(10_000);
    expect(findings.pairs).toBeLessThan(findings.faultPoints);
  });

  it('survives a release that raises the counter', async () => {
    expect((await exploreToy({}, { raises: true })).violations).toEqual([]);
  });
});

describe('a broken updater is convicted', () => {
  it.each<[keyof ToyOptions, string]>([
    ['syncImage', 'success-lasts'],
    ['atomicFlag', 'boots-whole-image'],
    ['imageFirst', 'not-given-up'],
    ['syncFlag', 'success-lasts'],
  ])('without %s', async (option, invariant) => {
    const findings = await exploreToy({ [option]: false });
    expect(invariants(findings)).toContain(invariant);
    for (const { faults } of findings.violations) expect(faults).toHaveLength(1);
  });

  it('when it stores the counter before the release is confirmed', async () => {
    await expect(exploreToy({ counterAtConfirm: false }, { raises: true })).rejects.toThrow(OrdinaryViolation);
  });

  it('when it writes an event again', async () => {
    await expect(exploreToy({ logOnce: false })).rejects.toMatchObject({ violation: { invariant: 'reported-once' } });
  });

  it('when it never counts its attempts', async () => {
    await expect(exploreToy({ countAttempts: false }, { boots: 'bad:2' })).rejects.toThrow(OrdinaryViolation);
  });
});

it('cuts as often as it is asked to, at places that the seed chooses', async () => {
  const experiment = await toyExperiment();
  const faultsOf = async (seed: number) => {
    const explorer = new Explorer(experiment, phasesOf('good', experiment.bootAttempts, true));
    const random = randomNumbers(seed);
    const counts: number[] = [];
    for (let run = 0; run < 20; run++) {
      const findings = await explorer.randomLife(3, random);
      expect(findings.violations).toEqual([]);
      counts.push(findings.faultPoints, findings.worstBoots);
    }
    return counts;
  };
  const first = await faultsOf(1);
  expect(first.filter((_, index) => index % 2 === 0)).toEqual(Array(20).fill(3));
  expect(await faultsOf(1)).toEqual(first);
});

it('does not pass over a fault that did not happen', async () => {
  const experiment = await toyExperiment();
  // Depends on more than files: what it wrote in the undisturbed life, it does not write again.
  let isIdle = false;
  const updater: Updater = {
    ...experiment.updater,
    install: async (machine, delivery) => {
      if (!isIdle) await experiment.updater.install(machine, delivery);
    },
  };
  const explorer = new Explorer({ ...experiment, updater }, phasesOf('good', experiment.bootAttempts, true));
  const step = (await explorer.undisturbed()).find(({ life }) => life.memory.next === 'install')!;
  isIdle = true;
  await expect(explorer.faultsAt(step, 0, { pairs: false })).rejects.toThrow(/ at operation \d+ did not happen$/);
});
