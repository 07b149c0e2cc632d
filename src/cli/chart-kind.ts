import { OtaError } from '../lib/core/errors.js';
import { escapeText } from '../lib/core/text.js';

/** @returns what to draw, by the name of the file. @throws OtaError USAGE */
export function chartKind(path: string): 'svg' | 'html' {
  const ending = /\.(svg|html?)$/i.exec(path)?.[1]?.toLowerCase();
  if (ending !== undefined) return ending === 'svg' ? 'svg' : 'html';
  throw new OtaError('USAGE', `--chart ${escapeText(path)}: the name does not say what to draw`, [
    'Give the file a name that ends in .svg (a picture) or .html (a page).',
  ]);
}
