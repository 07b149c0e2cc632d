import type { CampaignState } from './campaign-state.js';
import type { StageFigures } from './observation.js';
import type { RolloutPlan } from './plan.js';

const COUNTED = ['installed', 'already', 'failed', 'stuck', 'canceled', 'gone', 'running', 'waiting'] as const;
const WORDS: Readonly<Record<(typeof COUNTED)[number], string>> = {
  installed: 'installed',
  already: 'had it already',
  failed: 'failed',
  stuck: 'silent',
  canceled: 'canceled',
  gone: 'gone',
  running: 'on their way',
  waiting: 'not given it',
};

/** What became of all devices of a plan, as far as it was written down: `6 devices: 4 installed, 2 failed`. */
export function outcomeText(plan: RolloutPlan, state: CampaignState): string {
  const sum = { installed: 0, already: 0, failed: 0, stuck: 0, canceled: 0, gone: 0, running: 0, waiting: 0 };
  for (const [index, { devices }] of plan.stages.entries()) {
    const { figures } = state.stages[index]!;
    if (figures === null) sum.waiting += devices.length;
    else for (const outcome of COUNTED) sum[outcome] += figures[outcome];
  }
  return figuresText(sum);
}

/** `6 devices: 4 installed, 2 failed` */
export function figuresText(figures: Omit<StageFigures, 'total'>): string {
  const total = COUNTED.reduce((all, outcome) => all + figures[outcome], 0);
  const told = outcomesText(figures);
  const devices = `${total.toLocaleString('en-US')} device${total === 1 ? '' : 's'}`;
  return told === '' ? devices : `${devices}: ${told}`;
}

/** `4 installed, 2 failed` */
export function outcomesText(figures: Omit<StageFigures, 'total'>): string {
  return COUNTED.filter((outcome) => figures[outcome] > 0)
    .map((outcome) => `${figures[outcome].toLocaleString('en-US')} ${WORDS[outcome]}`)
    .join(', ');
}
