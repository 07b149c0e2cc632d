import type { CampaignEvent, JournalEntry } from '../../../../src/lib/rollout/campaign-event.js';
import type { GateSpec } from '../../../../src/lib/rollout/gate-spec.js';
import { chainEntry, EMPTY_JOURNAL } from '../../../../src/lib/rollout/journal-chain.js';
import { isGood, judgeStage } from '../../../../src/lib/rollout/judge-stage.js';
import type { StageFigures } from '../../../../src/lib/rollout/observation.js';
import { planDigest } from '../../../../src/lib/rollout/parse-plan.js';
import type { RolloutPlan } from '../../../../src/lib/rollout/plan.js';
import { somePlan } from '../../../support/rollout-plan.js';
import { figuresOf, observationOf } from '../../rollout/stage-figures.js';

const MINUTE = 60_000;
const BEGUN = Date.UTC(2026, 0, 5, 6);

export const GATES: GateSpec[] = [
  { type: 'success', atLeastPercent: 95, confidencePercent: 95, completedPercent: 90 },
  { type: 'failure', atMostPercent: 5, confidencePercent: 95, minimumSample: 20, otherwise: 'abort' },
  { type: 'stuck', afterSeconds: 7_200, atMostPercent: 5, otherwise: 'pause' },
  { type: 'soak', seconds: 3_600 },
];

/** A plan and its journal, and the pages in which it is read. */
export interface SampleCampaign {
  readonly plan: RolloutPlan;
  readonly entries: readonly JournalEntry[];
}

export async function* pagesOf(entries: readonly JournalEntry[], pageSize = 7): AsyncGenerator<JournalEntry[]> {
  for (let at = 0; at < entries.length; at += pageSize) yield entries.slice(at, at + pageSize);
}

/** Writes a journal as a campaign would. */
class Writer {
  readonly entries: JournalEntry[] = [];
  readonly #plan: RolloutPlan;
  now = BEGUN;

  constructor(plan: RolloutPlan) {
    this.#plan = plan;
  }

  write(event: CampaignEvent, afterMs = 0): void {
    this.now += afterMs;
    this.entries.push(chainEntry(this.entries.at(-1) ?? EMPTY_JOURNAL, this.now, event));
  }

  open(by = 'ann'): void {
    const { name, createdAt } = this.#plan;
    this.write({ type: 'opened', by, name, planDigest: planDigest(this.#plan), planned: createdAt });
  }

  give(stage: number): void {
    const portion = `${this.#plan.name}.s${stage + 1}.0`;
    const range: [number, number] = [0, this.#plan.stages[stage]!.devices.length];
    this.write({ type: 'preparing', portion, stage, software: null, range, devices: null });
    this.write({ type: 'prepared', portion, ref: portion }, 2_000);
    this.write({ type: 'starting', portion });
    this.write({ type: 'started', portion }, 1_000);
  }

  /** Judges by the plan's own gates, ten minutes after what came before. */
  judge(
    stage: number,
    counts: Partial<StageFigures>,
    { goodForMs = null as number | null, afterMs = 10 * MINUTE } = {},
  ) {
    const figures = figuresOf({ ...counts, total: this.#plan.stages[stage]!.devices.length });
    this.now += afterMs;
    const goodSince = goodForMs === null ? null : this.now - goodForMs;
    const verdict = judgeStage(this.#plan.stages[stage]!.gates, observationOf(figures, { now: this.now, goodSince }));
    this.write({
      type: 'judged',
      stage,
      figures,
      verdict,
      goodSince: isGood(verdict) ? (goodSince ?? this.now) : null,
    });
    return { figures, verdict };
  }

  pass(stage: number): void {
    const { length } = this.#plan.stages[stage]!.devices;
    for (const share of [0.1, 0.35, 0.7])
      this.judge(stage, { installed: Math.floor(length * share), running: length - Math.floor(length * share) });
    this.judge(stage, { installed: length });
    const { figures } = this.judge(stage, { installed: length }, { goodForMs: 60 * MINUTE, afterMs: 60 * MINUTE });
    this.write({ type: 'passed', stage, figures });
  }
}

export function planOf(changes: Parameters<typeof somePlan>[0] = {}): RolloutPlan {
  return somePlan({
    stages: [
      { name: 'pilot', devices: 100 },
      { name: 'early', devices: 400 },
      { name: 'rest', devices: 1_500 },
    ].map((stage) => ({ gates: GATES, ...stage })),
    ...changes,
  });
}

/** All devices get it. */
export function goodCampaign(plan = planOf()): SampleCampaign {
  const writer = new Writer(plan);
  writer.open();
  for (const [stage] of plan.stages.entries()) {
    writer.give(stage);
    writer.pass(stage);
  }
  writer.write({ type: 'ended', phase: 'finished', reason: `all ${plan.stages.length} stages have passed` });
  return { plan, entries: writer.entries };
}

/** The second stage fails, and its devices and those of the first go back. */
export function badCampaign(plan = planOf(), message = 'installation failed: no space left'): SampleCampaign {
  const writer = new Writer(plan);
  writer.open();
  writer.give(0);
  writer.pass(0);
  writer.give(1);
  writer.judge(1, { installed: 40, failed: 1, running: 359 });
  writer.judge(1, { installed: 90, failed: 6, running: 304 });
  const { verdict } = writer.judge(1, { installed: 130, failed: 21, stuck: 2, running: 247 });
  const devices = plan.stages[1]!.devices.slice(0, 23).map(([device], at) => {
    return { device, outcome: at < 21 ? ('failed' as const) : ('stuck' as const), message: at < 21 ? message : '' };
  });
  writer.write({ type: 'noted', text: 'the webhook did not take it: status 503' });
  writer.write({ type: 'aborting', by: 'the gates', cause: 'gate', reason: verdict.reason, thenRollBack: true });
  writer.write({ type: 'failures', stage: 1, devices, more: 0 });
  for (const stage of [0, 1]) {
    const portion = `${plan.name}.s${stage + 1}.0`;
    writer.write({ type: 'stopping', portion });
    writer.write({ type: 'stopped', portion }, 30_000);
  }
  const software = plan.cohorts[0]!.previous!;
  const back = plan.stages[0]!.devices.map(([device]) => device);
  const cannot = [{ reason: 'what they ran before is no longer at the server', devices: ['d0490', 'd0491'] }];
  writer.write({ type: 'rolling-back', by: 'the gates', batches: [{ software, devices: back }], cannot });
  const portion = `${plan.name}.back0`;
  writer.write({ type: 'preparing', portion, stage: null, software, range: null, devices: back });
  writer.write({ type: 'prepared', portion, ref: portion });
  writer.write({ type: 'starting', portion });
  writer.write({ type: 'started', portion });
  for (const installed of [10, 60, 99]) {
    const returned = figuresOf({
      total: 100,
      installed,
      running: installed === 99 ? 0 : 100 - installed,
      failed: installed === 99 ? 1 : 0,
    });
    writer.write({ type: 'returning', figures: returned }, 10 * MINUTE);
  }
  const failures = [{ device: 'd0007', outcome: 'failed' as const, message: 'the bootloader refuses it' }];
  writer.write({ type: 'failures', stage: null, devices: failures, more: 0 });
  writer.write({
    type: 'ended',
    phase: 'rollback-failed',
    reason: '99 of 100 devices are back; 1 failed, 2 cannot go back',
  });
  return { plan, entries: writer.entries };
}

/** It stands after a gate of the first stage, with what only somebody could decide. */
export function pausedCampaign(plan = planOf()): SampleCampaign {
  const writer = new Writer(plan);
  writer.open();
  writer.give(0);
  const { verdict } = writer.judge(0, { installed: 97, failed: 3 });
  writer.write({ type: 'paused', by: 'the gates', cause: 'gate', reason: verdict.reason });
  return { plan, entries: writer.entries };
}

/** A text that a page, a table, XML or a terminal could take for something else. */
const HOSTILE = '</td></script><script>alert(1)</script>]]>\u0000\u001b[2J\u202e\ufffe|`*_[x](javascript:x)&amp;"\'';

/** A campaign in which everything that comes from outside is hostile; or this text. */
export function hostileCampaign(hostile = HOSTILE): SampleCampaign {
  const text = hostile.slice(0, 60).toWellFormed();
  const plan = planOf({
    stages: [
      { name: text, devices: Array.from({ length: 100 }, (_, at) => `${at}${text}`), gates: GATES },
      { name: text, devices: Array.from({ length: 400 }, (_, at) => `b${at}${text}`), gates: GATES },
    ],
    notes: [hostile],
    server: { driver: 'hawkbit', address: hostile },
    cohorts: [{ previous: { id: text, name: text, version: text, digest: null } }],
  });
  return badCampaign({ ...plan, package: { ...plan.package, product: hostile, version: hostile } }, hostile);
}
