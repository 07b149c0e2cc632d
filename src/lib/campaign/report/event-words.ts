import { numberText } from '../../core/number-text.js';
import type { CampaignEvent, EventOf } from '../../rollout/campaign-event.js';
import type { StageFigures } from '../../rollout/observation.js';
import type { RolloutPlan } from '../../rollout/plan.js';
import type { CourseMark } from './course.js';
import { PHASE_WORDS } from './report-words.js';

/** An event in a sentence; undefined where it tells nothing that another one does not. The text is not escaped. */
export function eventWords(event: CampaignEvent, plan: RolloutPlan): { mark: CourseMark; text: string } | undefined {
  const stage = (at: number | null) => (at === null ? 'going back' : (plan.stages[at]?.name ?? `stage ${at + 1}`));
  const plain = (text: string) => ({ mark: 'plain' as const, text });
  const bad = (text: string) => ({ mark: 'bad' as const, text });
  switch (event.type) {
    case 'opened':
      return plain(`begun by ${event.by}`);
    case 'preparing':
      return plain(
        `${stage(event.stage)}: ${devices(sizeOf(event))} get ${event.software?.version ?? plan.package.version}`,
      );
    case 'judged': {
      const { decision, reason } = event.verdict;
      const mark = decision === 'advance' ? 'good' : decision === 'hold' ? 'plain' : 'bad';
      return { mark, text: `${stage(event.stage)}: ${DECISION_WORDS[decision]}: ${reason}` };
    }
    case 'passed':
      return { mark: 'good', text: `${stage(event.stage)}: passed, ${figuresText(event.figures)}` };
    case 'approved':
      return { mark: 'good', text: `${stage(event.stage)}: approved by ${event.by}${remark(event.remark)}` };
    case 'paused':
      return bad(
        `paused by ${event.cause === 'operator' ? event.by : CAUSE_WORDS[event.cause]}${remark(event.reason)}`,
      );
    case 'resumed':
      return plain(`resumed by ${event.by}`);
    case 'aborting':
      return bad(`aborted by ${event.cause === 'operator' ? event.by : 'a gate'}${remark(event.reason)}`);
    case 'rolling-back':
      return bad(goingBack(event));
    case 'retrying':
      return plain(`${stage(event.stage)}: ${devices(event.devices.length)} try again, asked by ${event.by}`);
    case 'lost':
      return bad(`the server has lost ${event.portion}${remark(event.reason)}`);
    case 'failures': {
      const count = event.devices.length + event.more;
      return count === 0 ? undefined : bad(`${stage(event.stage)}: ${devices(count)} did not make it`);
    }
    case 'noted':
      return plain(event.text);
    case 'ended':
      return {
        mark: event.phase === 'finished' ? 'good' : 'bad',
        text: `${PHASE_WORDS[event.phase]}${remark(event.reason)}`,
      };
    default:
      return undefined;
  }
}

export const DECISION_WORDS = { advance: 'may go on', hold: 'holds', pause: 'pauses', abort: 'aborts' } as const;

const CAUSE_WORDS = { gate: 'a gate', server: 'what the server did', expired: 'the end of the package' } as const;

/** `97 installed, 3 failed of 100`: what is not zero. */
export function figuresText({ total, ...counts }: StageFigures): string {
  const told = Object.entries(FIGURE_WORDS) as [keyof typeof counts, string][];
  const parts = told.filter(([name]) => counts[name] > 0).map(([name, word]) => `${numberText(counts[name])} ${word}`);
  return `${parts.join(', ') || 'nothing'} of ${numberText(total)}`;
}

export const FIGURE_WORDS: Readonly<Record<Exclude<keyof StageFigures, 'total'>, string>> = {
  installed: 'installed',
  failed: 'failed',
  stuck: 'stuck',
  running: 'on their way',
  waiting: 'waiting',
  canceled: 'canceled',
  already: 'had it already',
  gone: 'gone',
};

function goingBack({ by, batches, cannot }: EventOf<'rolling-back'>): string {
  const back = batches.reduce((sum, batch) => sum + batch.devices.length, 0);
  const not = cannot.reduce((sum, group) => sum + group.devices.length, 0);
  const rest = not === 0 ? '' : `; ${devices(not)} cannot: ${cannot[0]!.reason}`;
  return `${devices(back)} asked to go back by ${by}${rest}`;
}

function sizeOf({ range, devices: named }: EventOf<'preparing'>): number {
  return range === null ? (named?.length ?? 0) : range[1] - range[0];
}

function remark(text: string): string {
  return text === '' ? '' : `: ${text}`;
}

function devices(count: number): string {
  return `${numberText(count)} device${count === 1 ? '' : 's'}`;
}
