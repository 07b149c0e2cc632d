import { describe, expect, it } from 'vitest';
import { realUpdater } from '../../../src/lib/simulate/real-updater.js';
import type { SimulationReport } from '../../../src/lib/simulate/report.js';
import type { SimulationRequest } from '../../../src/lib/simulate/request.js';
import { replaySimulation, simulatePackage } from '../../../src/lib/simulate/simulate-package.js';
import type { Updater } from '../../../src/lib/simulate/updater.js';
import { SMALL_LAYOUT, simulationRequest, smallImages } from './simulation-fixture.js';

/** A device whose storage tears nothing smaller than a block: fewer states, all the kinds there are. */
const COARSE_LAYOUT = { ...SMALL_LAYOUT, writeAlignmentBytes: 256 };

const small = (changes: Partial<SimulationRequest> = {}, release = {}) =>
  simulationRequest(smallImages(), { layout: COARSE_LAYOUT, ...changes }, release);

/** The updater of this program on storage that does not sync images. */
const withoutSync: Updater = {
  ...realUpdater,
  install: (machine, delivery) => {
    const fs = Object.create(machine.fs, {
      sync: { value: async (name: string) => (name.endsWith('.image') ? undefined : machine.fs.sync(name)) },
    });
    for (const method of ['list', 'size', 'read', 'write', 'erase', 'truncate', 'rename', 'remove', 'syncDirectory']) {
      fs[method] = (...args: unknown[]) =>
        (machine.fs as never as Record<string, (...args: unknown[]) => unknown>)[method]!(...args);
    }
    return realUpdater.install({ ...machine, fs }, delivery);
  },
};

let convictedOnce: Promise<{ request: SimulationRequest; report: SimulationReport }> | undefined;

/** The simulation of an updater that does not sync. */
function convicted() {
  const simulate = async () => {
    const request = await small({ boots: ['good'], updater: withoutSync });
    return { request, report: await simulatePackage(request) };
  };
  convictedOnce ??= simulate();
  return convictedOnce;
}

/** All but the time that it took. */
function figures({ elapsedSeconds, faultPointsPerSecond, ...rest }: SimulationReport) {
  expect(elapsedSeconds).toBeGreaterThan(0);
  expect(faultPointsPerSecond).toBeGreaterThan(0);
  return rest;
}

describe('simulatePackage', () => {
  it('finds nothing wrong with the updater of this program', async () => {
    const request = await small({ boots: ['good', 'bad:2'] });
    const report = figures(await simulatePackage({ ...request, workers: 2 }));
    expect(report.violations).toEqual([]);
    expect(report.complete).toBe(true);
    expect(report.scenarios.map(({ boots }) => boots)).toEqual(['good', 'bad:2']);
    for (const { operations, faultPoints, states, noRollback } of report.scenarios) {
      expect(operations.every((each) => each.faultPoints > 0)).toBe(true);
      expect(states).toBeLessThan(faultPoints);
      expect(noRollback).toBeUndefined();
    }
    expect(new Set(report.scenarios[0]!.operations.map(({ step }) => step))).toEqual(
      new Set(['download', 'install', 'boot', 'confirm', 'rollback']),
    );
  }, 120_000);

  it('finds the same in several threads as in one', async () => {
    const request = await small({ boots: ['good', 'hang'], cuts: { kind: 'random', faults: 2 }, runs: 12 });
    const report = figures(await simulatePackage({ ...request, workers: 2 }));
    expect(report.totals.faultPoints).toBe(48);
    expect(figures(await simulatePackage({ ...request, updater: realUpdater }))).toEqual(report);
  }, 120_000);

  it('convicts an updater that does not sync, and its token shows the same again', async () => {
    const { request, report } = await convicted();
    const violation = report.violations.find(({ invariant }) => invariant === 'success-lasts');
    expect(violation).toMatchObject({ scenario: 'good' });
    expect(violation!.trace.at(-1)).toBe(`violated: ${violation!.message}`);
    expect(report.totals.violations).toBeGreaterThan(0);
    expect(report.scenarios[0]!.operations.some(({ violations }) => violations > 0)).toBe(true);

    const replay = await replaySimulation(request, violation!.replay);
    expect(replay.boots).toBe('good');
    expect(replay.trace).toEqual(violation!.trace);
    expect(replay.violation).toMatchObject({ invariant: 'success-lasts', message: violation!.message });
    const sound = await replaySimulation({ ...request, updater: realUpdater }, violation!.replay).catch(
      (error) => error,
    );
    // The sound updater has other operations: the fault may not fit, but it breaks nothing.
    expect(sound.violation).toBeUndefined();
  }, 120_000);

  it('refuses tokens of other packages, base images and layouts, and what is none', async () => {
    const { request, report } = await convicted();
    const token = report.violations[0]!.replay;
    const other = await small({}, { version: '2.0.1' });
    const invalid = { code: 'SIMULATION_INVALID', exitCode: 2 };
    await expect(replaySimulation(other, token)).rejects.toMatchObject({
      ...invalid,
      message: expect.stringMatching(/another package/),
    });
    await expect(replaySimulation({ ...request, baseVersion: '1.0.1' }, token)).rejects.toMatchObject({
      ...invalid,
      message: expect.stringMatching(/another base/),
    });
    await expect(replaySimulation({ ...request, layout: SMALL_LAYOUT }, token)).rejects.toMatchObject({
      ...invalid,
      message: expect.stringMatching(/another layout/),
    });
    for (const text of ['', 'x', '{}', token.slice(0, -4), 'e30', 'a'.repeat(70_000)]) {
      await expect(replaySimulation(request, text), text).rejects.toMatchObject(invalid);
    }
  }, 120_000);

  it('reports what was covered when it is interrupted', async () => {
    const abort = new AbortController();
    const request = await small({ boots: ['good'] });
    const seen: [number, number][] = [];
    const report = await simulatePackage({
      ...request,
      workers: 1,
      signal: abort.signal,
      onProgress: (done, total) => {
        seen.push([done, total]);
        if (seen.length === 3) abort.abort();
      },
    });
    expect(report.complete).toBe(false);
    expect(report.totals.faultPoints).toBe(seen.at(-1)![0]);
    expect(seen.every(([done, total]) => done <= total)).toBe(true);
  }, 120_000);

  it('leaves the rollback out where policy does not allow it, and says why', async () => {
    const request = await small(
      { boots: ['good'], cuts: { kind: 'random', faults: 2 }, runs: 5 },
      { rollback: { allowed: false } },
    );
    const { scenarios, violations, totals } = await simulatePackage({ ...request, updater: realUpdater });
    expect(violations).toEqual([]);
    expect(scenarios[0]!.noRollback).toMatch(/does not allow/);
    expect(scenarios[0]!.operations.some(({ step }) => step === 'rollback')).toBe(false);
    expect(totals.faultPoints).toBe(10);
  }, 120_000);

  it('refuses what the device refuses', async () => {
    const request = await small();
    const layout = { ...COARSE_LAYOUT, components: { app: { slots: ['a', 'b'], slotBytes: 512 } } };
    await expect(simulatePackage({ ...request, layout })).rejects.toMatchObject({ code: 'DOES_NOT_FIT' });
    await expect(simulatePackage(await small({}, { sequence: 0 }))).rejects.toMatchObject({
      code: 'SIMULATION_INVALID',
    });
  });
});
