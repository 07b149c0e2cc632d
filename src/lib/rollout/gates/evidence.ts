import { numberText } from '../../core/number-text.js';
import type { Decision, StageFigures } from '../observation.js';

/** What a gate says of a stage. */
export interface GateOpinion {
  readonly decision: Decision;
  /** One sentence with the figures. */
  readonly reason: string;
}

/**
 * What the figures of a stage prove. Devices that had the update already and those that are gone leave the stage: it is
 * judged as if they had never been in it. Canceled ones have ended and say nothing of the update.
 */
export interface Evidence {
  /** Devices that the stage is about. */
  readonly devices: number;
  /** They succeeded or failed; `installed + bad`. */
  readonly judged: number;
  readonly installed: number;
  /** Failed or stuck. */
  readonly bad: number;
  /** Nothing more is to be expected of them: judged or canceled. */
  readonly ended: number;
  /** Of which something may still come: waiting or running. */
  readonly open: number;
}

export function evidenceOf(figures: StageFigures): Evidence {
  const { total, waiting, running, stuck, installed, failed, canceled, already, gone } = figures;
  const bad = failed + stuck;
  const judged = installed + bad;
  return {
    devices: Math.max(0, total - already - gone),
    judged,
    installed,
    bad,
    ended: judged + canceled,
    open: waiting + running,
  };
}

/** Why there is nothing to judge, in one clause: `none of 5 devices has succeeded or failed (3 had it already)`. */
export function nothingJudged(figures: StageFigures): string {
  const others = [
    figures.already > 0 && `${figures.already} had it already`,
    figures.canceled > 0 && `${figures.canceled} canceled`,
    figures.gone > 0 && `${figures.gone} gone`,
  ].filter((text) => text !== false);
  const apart = others.length > 0 ? ` (${others.join(', ')})` : '';
  return `none of ${count(figures.total, 'device')} has succeeded or failed${apart}`;
}

/** `1 device`, `1,200 devices` */
export function count(number: number, noun: string): string {
  return `${numberText(number)} ${noun}${number === 1 ? '' : 's'}`;
}

/**
 * A share as percent, cut and not rounded: a bound is not told better than it is.
 *
 * @param share   0 to 1
 * @param against percent it is compared with: it gets as many digits as it takes to tell the two apart
 */
export function percentText(share: number, against = -1): string {
  for (let digits = 1; digits < 6; digits++) {
    const scale = 10 ** digits;
    // A hair more than the number, where the product of an exact share falls a hair short.
    const text = (Math.floor(share * 100 * scale + 1e-7) / scale).toFixed(digits);
    if (Number(text) !== against || share * 100 === against) return `${text} %`;
  }
  return `${(share * 100).toFixed(8)} %`;
}
