import { type ErrorCode, OtaError } from '../../lib/core/errors.js';
import type { CampaignPhase } from '../../lib/rollout/campaign-state.js';
import type { CampaignView } from '../../lib/rollout/campaign-view.js';
import { doneText, stageText } from '../../lib/ui/rollout-text.js';

/** Phases in which nothing happens any more by itself, and what a command ends with that has waited for them. */
const RESTING = {
  paused: 'GATE_FAILED',
  finished: undefined,
  aborted: 'ROLLOUT_ABORTED',
  'rolled-back': 'ROLLED_BACK',
  'rollback-failed': 'ROLLBACK_FAILED',
} as const satisfies Partial<Record<CampaignPhase, ErrorCode | undefined>>;

/** Whether a campaign has ended, or stands still until somebody says what happens next. */
export function isResting({ phase }: CampaignView): boolean {
  return phase in RESTING;
}

/** Whether nothing can happen to a campaign any more. */
export function isOver(view: CampaignView): boolean {
  return isResting(view) && view.phase !== 'paused';
}

/** What a command ends with that has waited until a campaign rests; undefined: all is well. */
export function campaignFailure(view: CampaignView): OtaError | undefined {
  const { phase, name, reason } = view;
  const code = phase in RESTING ? RESTING[phase as keyof typeof RESTING] : undefined;
  if (code === undefined) return undefined;
  const because = reason === null ? '' : `: ${reason}`;
  switch (code) {
    case 'GATE_FAILED':
      return new OtaError(code, `${name} is paused in ${stageText(view)}${because}`, [
        `\`ota rollout report ${name}\` tells which devices failed, and why.`,
        `\`ota rollout resume ${name}\` goes on until there is new evidence, \`ota rollout approve ${name}\` passes the stage.`,
        `\`ota rollout abort ${name}\` ends it, \`ota rollout rollback ${name}\` also takes it back.`,
      ]);
    case 'ROLLOUT_ABORTED':
      return new OtaError(code, `${name} was aborted in ${stageText(view)}${because}`, [
        `Devices that have ${view.product} ${view.version} keep it; \`ota rollout rollback ${name}\` asks them to go back.`,
      ]);
    case 'ROLLED_BACK':
      return new OtaError(code, `${name} was rolled back${because}`, [
        `\`ota rollout report ${name}\` tells of each device.`,
      ]);
    case 'ROLLBACK_FAILED':
      return new OtaError(code, `${name} could not be rolled back on all devices${because}`, [
        `\`ota rollout report ${name}\` tells which devices still have ${view.product} ${view.version}, and why.`,
      ]);
  }
}

/** A campaign that was still under way when `--wait` had had enough. */
export function waitEnded(view: CampaignView, waited: string, next: readonly string[]): OtaError {
  return new OtaError('WAIT_ENDED', `after ${waited} ${view.name} is still ${doneText(view)}`, [...next]);
}
