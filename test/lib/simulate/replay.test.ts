import { describe, expect, it } from 'vitest';
import { crashStates } from '../../../src/lib/simulate/crash-states.js';
import { Explorer } from '../../../src/lib/simulate/explore.js';
import { addFindings, type Fault, noFindings } from '../../../src/lib/simulate/findings.js';
import { Garbage } from '../../../src/lib/simulate/garbage.js';
import { replayLife } from '../../../src/lib/simulate/replay.js';
import { phasesOf } from '../../../src/lib/simulate/scenario.js';
import { shrink } from '../../../src/lib/simulate/shrink.js';
import { type ToyOptions, toyExperiment } from './toy-updater.js';

async function toyLife(options: ToyOptions = {}) {
  const experiment = await toyExperiment(options);
  const phases = phasesOf('good', experiment.bootAttempts, true);
  return { experiment, phases, explorer: new Explorer(experiment, phases) };
}

describe('replayLife', () => {
  it('cuts the power under the updater at every operation, and the life goes on as the explorer says', async () => {
    const { experiment, phases, explorer } = await toyLife();
    const garbage = new Garbage(experiment.seed);
    const life = await explorer.undisturbed();
    for (const step of life.filter((each) => explorer.isExplored(each))) {
      for (const [index, operation] of step.operations.entries()) {
        const models = [...crashStates(operation, experiment.geometry, garbage)].map(({ model }) => model);
        const fault = { operation: step.before.operations + index, model: models[index % models.length]! };
        const { violation, trace } = await replayLife(experiment, phases, [fault]);
        expect(violation, `${JSON.stringify(fault)}\n${trace.join('\n')}`).toBeUndefined();
        expect(trace.filter((line) => line.includes('the power goes'))).toHaveLength(1);
      }
    }
  });

  it.each<keyof ToyOptions>(['syncImage', 'atomicFlag', 'imageFirst', 'syncFlag'])(
    'shows again what the explorer found without %s',
    async (option) => {
      const { experiment, phases, explorer } = await toyLife({ [option]: false });
      const findings = noFindings();
      for (const [index, step] of (await explorer.undisturbed()).entries()) {
        if (!explorer.isExplored(step)) continue;
        addFindings(findings, await explorer.harmBefore(step, index));
        for (const at of step.operations.keys())
          addFindings(findings, await explorer.faultsAt(step, at, { pairs: false }));
      }
      expect(findings.violations.length).toBeGreaterThan(0);
      for (const { invariant, message, faults } of findings.violations) {
        expect((await replayLife(experiment, phases, faults)).violation).toEqual({ invariant, message });
      }
    },
  );

  it.each<[string, Fault[]]>([
    ['an operation that never comes', [{ operation: 100_000, model: 'before' }]],
    ['a fault that cannot happen there', [{ operation: 0, model: 'erased-front:64' }]],
    ['damage to a file that is not there', [{ step: 2, model: 'flip:nothing.image:3' }]],
  ])('refuses %s', async (_, faults) => {
    const { experiment, phases } = await toyLife();
    await expect(replayLife(experiment, phases, faults)).rejects.toMatchObject({ code: 'SIMULATION_INVALID' });
  });
});

describe('shrink', () => {
  it('drops the faults that it does not take, and finds simpler ones', async () => {
    const { experiment, phases, explorer } = await toyLife({ syncFlag: false });
    const step = (await explorer.undisturbed()).find(({ life }) => life.memory.next === 'confirm')!;
    const { violations } = await explorer.faultsAt(step, step.operations.length - 1, { pairs: false });
    const found = violations.find(({ invariant }) => invariant === 'success-lasts')!;
    const [fault] = found.faults as [{ operation: number; model: string }];
    expect(fault.model).toMatch(/^idle-/);
    const first = { operation: 0, model: 'torn:64:garbage' };
    // The first cut makes the download start again: what follows comes later by the operations that it repeats.
    const candidates = Array.from({ length: 12 }, (_, later) => [
      first,
      { ...fault, operation: fault.operation + later },
    ]);
    for (const faults of candidates) {
      const replayed = await replayLife(experiment, phases, faults).catch(() => undefined);
      if (replayed?.violation?.invariant !== 'success-lasts') continue;
      const shrunk = await shrink(experiment, phases, { ...found, faults });
      expect(shrunk.faults.length).toBeLessThanOrEqual(faults.length);
      expect(shrunk.replay.violation?.invariant).toBe('success-lasts');
      expect(shrunk.replay.trace.at(-1)).toMatch(/^violated: /);
      return;
    }
    expect.unreachable('no life with both faults breaks the promise');
  });
});
