import type { CampaignPhase } from '../../rollout/campaign-state.js';
import { durationText } from '../../rollout/gates/duration-text.js';
import type { CampaignReport, GateReport, StageReport } from './campaign-report.js';

/** How a campaign stands, in a word or two. */
export const PHASE_WORDS: Readonly<Record<CampaignPhase, string>> = {
  running: 'under way',
  paused: 'paused',
  aborting: 'being aborted',
  'rolling-back': 'going back',
  finished: 'finished',
  aborted: 'aborted',
  'rolled-back': 'rolled back',
  'rollback-failed': 'rollback failed',
};

export function markOf(phase: CampaignPhase): 'good' | 'bad' | 'open' {
  return phase === 'finished' ? 'good' : phase === 'running' ? 'open' : 'bad';
}

/** `2026-01-05 06:00:00 UTC` */
export function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** `3 h 20 min`; less than a second is none. */
export function spanText(fromMs: number, toMs: number): string {
  return durationText(Math.max(0, Math.floor((toMs - fromMs) / 1000)));
}

/** What a gate came to. `accepted`: somebody let the stage pass in spite of it. */
export function gateOutcome({ verdict, acceptedBy }: GateReport, stage: StageReport): GateOutcome {
  if (verdict === null) return 'not asked';
  if (verdict.decision === 'advance') return 'holds good';
  if (stage.status === 'passed') return acceptedBy === null ? 'holds good' : 'accepted';
  return verdict.decision === 'hold' ? 'open' : 'failed';
}
export type GateOutcome = 'holds good' | 'accepted' | 'open' | 'failed' | 'not asked';

/** What is said of a gate: its figures, and who accepted them. */
export function gateReason({ verdict, acceptedBy }: GateReport): string {
  if (verdict === null) return 'it was not asked';
  return acceptedBy === null ? verdict.reason : `${verdict.reason}; accepted by ${acceptedBy}`;
}

export function titleOf({ name, product, version, phase }: CampaignReport): string {
  return `${name}: ${product} ${version}, ${PHASE_WORDS[phase]}`;
}
