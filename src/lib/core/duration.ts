import { OtaError } from './errors.js';
import { escapeText } from './text.js';

const UNIT_MS: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Reads a length of time as a person writes it: `250ms`, `5s`, `2 min`, `1.5h`, `28d`.
 *
 * @returns milliseconds, a whole number
 * @throws OtaError USAGE
 */
export function parseDuration(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?) ?([a-z]+)$/i.exec(text.trim()) ?? [];
  const unitMs = UNIT_MS[unit?.toLowerCase() ?? '-'];
  const durationMs = Math.round(Number(digits) * (unitMs ?? Number.NaN));
  if (!Number.isSafeInteger(durationMs)) {
    throw new OtaError('USAGE', `"${escapeText(text)}" is no duration`, [
      'Write a number with ms, s, min, h or d, such as 250ms or 5s.',
    ]);
  }
  return durationMs;
}
