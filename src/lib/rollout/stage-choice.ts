import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import { PLAN_MAX_DEVICES, PLAN_MAX_STAGES } from './plan.js';

/** Which devices a stage has, as somebody wrote it. Nothing is in two stages: what an earlier one has is not meant again. */
export type StageChoice =
  /** Of all devices that get the update, with those of the stages before. */
  | { readonly kind: 'percent'; readonly upTo: number }
  /** So many more. */
  | { readonly kind: 'count'; readonly devices: number }
  | { readonly kind: 'group'; readonly group: string }
  /** FIQL, or a condition as `--where` takes it. */
  | { readonly kind: 'where'; readonly filter: string }
  /** A file that names one on each line. */
  | { readonly kind: 'file'; readonly path: string };

/** A pilot, an early share, the rest. */
export const DEFAULT_STAGES = '1%,5%,20%,100%';

/**
 * Reads stages as they are typed: `1%,5%,100%`, `10,100%`, `group:lab,100%`, `where:tag==canary,@second.txt,100%`.
 * Shares are of all devices, with those of the stages before. A comma inside a filter stands in parentheses or quotes.
 *
 * @throws OtaError USAGE: what stands where something else was expected; LIMIT_EXCEEDED
 */
export function parseStages(text: string): StageChoice[] {
  const words = splitWords(text);
  if (words.length > PLAN_MAX_STAGES) {
    throw new OtaError(
      'LIMIT_EXCEEDED',
      `--stages: has ${words.length} stages, at most ${PLAN_MAX_STAGES} are possible`,
    );
  }
  const choices = words.map((word) => parseStageChoice(word, '--stages'));
  requireRising(choices, '--stages');
  return choices;
}

/** One of them. @param where for errors: the flag, or the place in a file */
export function parseStageChoice(word: string, where: string): StageChoice {
  const expected = (got: string) =>
    new OtaError('USAGE', `${where}: ${got}, expected a share, a number, group:NAME, where:FILTER or @FILE`, [
      `Such as ${DEFAULT_STAGES}, or group:lab,10%,100%.`,
    ]);
  if (word === '') throw expected('a stage is empty');
  const [, percent] = /^(\d{1,3}(?:\.\d{1,6})?) ?%$/.exec(word) ?? [];
  if (percent !== undefined) {
    const upTo = Number(percent);
    if (upTo > 0 && upTo <= 100) return { kind: 'percent', upTo };
    throw new OtaError('USAGE', `${where}: a share is above 0 and at most 100 %, not ${percent} %`);
  }
  if (/^\d+$/.test(word)) {
    const devices = Number(word);
    if (devices > 0 && devices <= PLAN_MAX_DEVICES) return { kind: 'count', devices };
    throw new OtaError('USAGE', `${where}: a stage has 1 to ${PLAN_MAX_DEVICES} devices, not ${word}`);
  }
  const [, kind, rest] = /^(group:|where:|@)(.+)$/s.exec(word) ?? [];
  if (kind === 'group:') return { kind: 'group', group: rest! };
  if (kind === 'where:') return { kind: 'where', filter: rest! };
  if (kind === '@') return { kind: 'file', path: rest! };
  throw expected(`"${escapeText(word)}" is no stage`);
}

/** Shares are counted with the stages before, so one that is not above the last would have no device of its own. */
export function requireRising(choices: readonly StageChoice[], where: string): void {
  let before = 0;
  for (const choice of choices) {
    if (choice.kind !== 'percent') continue;
    if (choice.upTo <= before) {
      throw new OtaError(
        'USAGE',
        `${where}: ${choice.upTo} % comes after ${before} %; each share is of all devices, with those of the stages before`,
        ['Write them in rising order, such as 1%,5%,20%,100%.'],
      );
    }
    before = choice.upTo;
  }
}

/** What it is called where nobody named it. */
export function nameOfChoice(choice: StageChoice): string {
  switch (choice.kind) {
    case 'percent':
      return `${choice.upTo}%`;
    case 'count':
      return String(choice.devices);
    case 'group':
      return `group:${choice.group}`;
    case 'where':
      return `where:${choice.filter}`;
    case 'file':
      return `@${choice.path}`;
  }
}

function splitWords(text: string): string[] {
  const words: string[] = [];
  let word = '';
  let depth = 0;
  let quote = '';
  for (const character of text) {
    if (quote !== '') quote = character === quote ? '' : quote;
    else if (character === '"' || character === "'") quote = character;
    else if (character === '(') depth++;
    else if (character === ')') depth--;
    if (character === ',' && depth <= 0 && quote === '') {
      words.push(word.trim());
      word = '';
    } else word += character;
  }
  return [...words, word.trim()];
}
