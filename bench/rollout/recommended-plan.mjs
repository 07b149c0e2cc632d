// The plan that is made when nobody says otherwise, for a fleet that does not exist.
import { join } from 'node:path';
import { build } from 'esbuild';

const library = join(import.meta.dirname, '../../src/lib/rollout');

/**
 * @param devices of two models, in two regions
 * @param work    a folder for what is built on the way
 */
export async function recommendedPlan(devices, work) {
  const entryPoints = ['assemble-plan', 'strategy', 'stage-choice'].map((name) => join(library, `${name}.ts`));
  const files = { outdir: join(work, 'rollout'), outExtension: { '.js': '.mjs' } };
  await build({ entryPoints, ...files, bundle: true, format: 'esm', platform: 'node', logLevel: 'error' });
  const load = (name) => import(join(work, 'rollout', `${name}.mjs`));
  const { assemblePlan } = await load('assemble-plan');
  const { DEFAULT_STRATEGY, gatesOf } = await load('strategy');
  const { DEFAULT_STAGES, parseStages, nameOfChoice } = await load('stage-choice');
  const choices = parseStages(DEFAULT_STAGES);
  const stages = choices.map((members, index) => ({
    ...{ name: nameOfChoice(members), startAt: null, window: null, rate: null, members, hasOwnGates: false },
    gates: gatesOf(DEFAULT_STRATEGY, index === choices.length - 1),
  }));
  const previous = { id: '1', name: 'meter', version: '1.0.0', digest: null };
  const cohorts = ['M100', 'M200'].map((model) => ({
    ...{ model, version: '1.0.0', previous, cannotReturn: null, delivery: 'delta', bytes: 100_000 },
  }));
  const candidates = Array.from({ length: devices }, (_, index) => ({
    ...{ id: `meter-${String(index).padStart(7, '0')}`, cohort: index % 2, isCanary: false },
    labels: [cohorts[index % 2].model, index % 4 < 2 ? 'north' : 'south'],
  }));
  return assemblePlan({
    head: {
      ...{ name: 'meter-2.0.0', createdAt: '2026-11-29T12:00:00Z', seed: 1, onAbort: 'rollback', webhook: null },
      ...{ allowedDriftPercent: 0, notes: [], server: { driver: 'fleet', address: 'https://fleet.example.com' } },
      package: {
        ...{ digest: 'a'.repeat(64), product: 'meter', version: '2.0.0', sequence: 2, securityCounter: 0 },
        ...{ filename: 'meter-2.0.0.ota', bytes: 1_000_000, expiresAt: null },
      },
    },
    target: { where: 'product==meter', exclude: null },
    ...{ cohorts, candidates, stages, areStagesRecommended: true, smallStages: 'merge', leftOut: [] },
  });
}
