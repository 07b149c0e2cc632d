import { describe, expect, test } from 'vitest';
import { DEFAULT_MODEL } from '../../../../src/lib/rollout/simulate/fleet-model.js';
import { MomentRecorder } from '../../../../src/lib/rollout/simulate/moment-recorder.js';
import {
  failingOn,
  type RolloutSimulation,
  type SimulationRequest,
  simulateRollout,
} from '../../../../src/lib/rollout/simulate/simulate-rollout.js';
import { simulationHtml } from '../../../../src/lib/rollout/simulate/simulation-html.js';
import { spreadOf } from '../../../../src/lib/rollout/simulate/spread.js';
import { rolloutSimulationText } from '../../../../src/lib/ui/rollout-simulation-text.js';
import { parseHtml } from '../../../support/html.js';
import { recommendedPlan } from '../../../support/simulated-plan.js';

const plan = recommendedPlan(6_000);

function simulate(changes: Partial<SimulationRequest> = {}): { report: RolloutSimulation; progress: number[] } {
  const runs = simulateRollout({
    ...{ plan, model: failingOn(DEFAULT_MODEL, 0.1), seeds: { first: 1, count: 1 }, comparesHawkbit: false, sweep: [] },
    ...changes,
  });
  const progress: number[] = [];
  for (;;) {
    const next = runs.next();
    if (next.done) return { report: next.value, progress };
    progress.push(next.value.done / next.value.total);
  }
}

describe('a simulation', () => {
  test('of several seeds tells how campaigns ended, where, and how far they came', () => {
    const { report, progress } = simulate({ seeds: { first: 5, count: 8 }, comparesHawkbit: true });
    const { campaign, hawkbit } = report;
    expect(campaign).toMatchObject({ campaigns: 8, ends: { paused: 8, finished: 0 }, stoppedIn: [8, 0, 0, 0] });
    expect(campaign.first.seed).toBe(5);
    expect(campaign.reached.most).toBeLessThanOrEqual(60);
    expect(campaign.reached.p5).toBeLessThanOrEqual(campaign.reached.median);
    expect(hawkbit).toMatchObject({ ends: { finished: 8 }, reached: { median: 6_000 } });
    expect([...new Set(progress)].filter((share) => share > 0)).toEqual(
      [1, 2, 3, 4, 5, 6, 7, 8].map((done) => done / 8),
    );
  });

  test('sweeps failure rates over the same fleets, and the build of the model stays what it is', () => {
    const { report, progress } = simulate({ sweep: [0.001, 0.5], seeds: { first: 1, count: 2 } });
    expect(report.sweep.map(({ failureShare }) => failureShare)).toEqual([0.001, 0.5]);
    expect(report.sweep[1]!.campaign.stoppedIn[0]).toBe(2);
    expect(report.sweep[1]!.campaign.reached.median).toBeLessThan(60);
    expect(report.sweep[0]!.campaign.harmed.median).toBeLessThan(report.sweep[1]!.campaign.harmed.median);
    expect(report.model.failures.share).toBe(0.1);
    expect(new Set(progress).size).toBeGreaterThanOrEqual(6);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
  });

  test('of another size says so, and when gates can decide nothing any more', () => {
    const { report } = simulate({ model: { ...DEFAULT_MODEL, devices: 300 } });
    expect(report.plan).toMatchObject({ devices: 300 });
    expect(report.plan.stages.map(({ devices }) => devices)).toEqual([3, 12, 45, 240]);
    expect(report.notes).toEqual([
      'The plan is for 6,000 devices; its stages keep their shares of 300.',
      expect.stringContaining('too small a fleet for the gates of the plan: success'),
    ]);
  });

  test('remembers the course of the first seed in a bounded number of moments', () => {
    const { report } = simulate({ model: failingOn(DEFAULT_MODEL, 0), seeds: { first: 1, count: 2 } });
    const { campaign } = report.course;
    expect(campaign.length).toBeGreaterThan(100);
    expect(campaign.length).toBeLessThanOrEqual(241);
    expect(campaign.at(-1)!.reached).toBe(report.campaign.first.count.reached);
  });
});

test('a recorder keeps about as many moments as it may, in order, and the last one', () => {
  for (const total of [1, 2, 9, 10, 11, 1_000, 1_023]) {
    const recorder = new MomentRecorder(10);
    const nothing = { stage: 0, offered: 0, reached: 0, installed: 0, failed: 0, stuck: 0, hung: 0, bad: 0, silent: 0 };
    for (let seconds = 1; seconds <= total; seconds++) recorder.add({ seconds, ...nothing });
    const seen = recorder.moments.map(({ seconds }) => seconds);
    expect(seen.length).toBeLessThanOrEqual(10);
    expect(seen.at(-1)).toBe(total);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    if (total >= 10) expect(seen.length).toBeGreaterThanOrEqual(5);
  }
});

test('a spread is made of numbers that occurred', () => {
  expect(spreadOf([3])).toEqual({ least: 3, p5: 3, median: 3, p95: 3, most: 3 });
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(spreadOf(hundred)).toEqual({ least: 1, p5: 5, median: 50, p95: 95, most: 100 });
});

describe('told to people', () => {
  test('as text: what becomes of the build, beside hawkBit, by failure rate, and as a plot', async () => {
    const { report } = simulate({ comparesHawkbit: true, sweep: [0.001, 0.5] });
    const text = await rolloutSimulationText(report);
    expect(text).toMatch(/^Is paused in stage stage 1 after .*, when \d+ of 6,000 devices had it: failure: /);
    expect(text).toContain('fails on 10 %, 0.1 % get stuck');
    expect(text).toMatch(/^bears +at most 0 of stage 1, /m);
    expect(text).toMatch(/hawkBit 50\/50 +finished .* 6,000 +100 %/);
    expect(text).toMatch(/^50 % +100 % +100 % +\d+ +\d/m);
    expect(text).toMatch(/^ +1 % │.*●/m);
    expect(text).toMatch(/^ +100 % │.*○/m);
  });

  test('as text over many seeds', async () => {
    const { report } = simulate({ seeds: { first: 1, count: 8 } });
    expect(await rolloutSimulationText(report)).toMatch(
      /^Is stopped in 8 of 8 campaigns, in 8 of them in the first stage; half of the time no more than \d+ of 6,000 devices/,
    );
  });

  test('as a page that is well-formed, runs nothing and quotes nothing as markup', () => {
    const named = {
      ...plan,
      name: 'a',
      stages: plan.stages.map((stage) => ({ ...stage, name: `<script>${stage.name}` })),
    };
    const { report } = simulate({ plan: named, comparesHawkbit: true, sweep: [0.01, 0.1] });
    const page = simulationHtml(report);
    expect(page).toContain("default-src 'none'");
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page).toContain('<script type="application/json"');
    expect(page.match(/<svg class="chart"/g)).toHaveLength(2);
    expect(page).not.toContain('NaN');
    expect(parseHtml(page).filter(({ name }) => name === 'path').length).toBeGreaterThan(20);
  });
});
