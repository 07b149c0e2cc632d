import { OtaError } from '../lib/core/errors.js';
import { escapeText } from '../lib/core/text.js';

/**
 * `--metadata site=north`, several times, as an object.
 *
 * @throws OtaError USAGE
 */
export function keyValues(flag: string, words: readonly string[] = []): Record<string, string> {
  const values: Record<string, string> = {};
  for (const word of words) {
    const sign = word.indexOf('=');
    if (sign < 1) throw new OtaError('USAGE', `--${flag}: expected KEY=VALUE, got "${escapeText(word)}"`);
    const key = word.slice(0, sign);
    if (Object.hasOwn(values, key)) throw new OtaError('USAGE', `--${flag}: "${escapeText(key)}" is given twice`);
    values[key] = word.slice(sign + 1);
  }
  return values;
}
