import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';

/**
 * An origin as somebody types it: `https://metrics.example:9090`.
 *
 * @throws OtaError USAGE
 */
export function parseEgressOrigin(text: string): string {
  const url = URL.parse(text);
  const isOrigin = url !== null && url.href === `${url.origin}/`;
  if (isOrigin && (url.protocol === 'http:' || url.protocol === 'https:')) return url.origin;
  throw new OtaError('USAGE', `"${escapeText(text)}" is no origin`, [
    'Write scheme, host and port alone, such as https://metrics.example:9090.',
  ]);
}
