import { OtaError } from '../../core/errors.js';
import type { DeltaFormat } from '../formats.js';
import type { ImageSizes } from './making-plan.js';

/** @throws OtaError LIMIT_EXCEEDED when a delta takes more than is allowed, in its cheapest way */
export function requireWithin(
  format: DeltaFormat,
  { baseBytes, targetBytes }: ImageSizes,
  leastBytes: number,
  maxMemoryBytes: number,
): void {
  if (leastBytes <= maxMemoryBytes) return;
  throw new OtaError(
    'LIMIT_EXCEEDED',
    `a delta of format ${format} between images of ${baseBytes} and ${targetBytes} bytes takes ${leastBytes} bytes ` +
      `of memory at least, Node and ota themselves among them; ${maxMemoryBytes} bytes are allowed`,
    ['Allow more with --max-memory.', 'Or pack a full image with --full.'],
  );
}
