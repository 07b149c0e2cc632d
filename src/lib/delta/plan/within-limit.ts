import { formatByteSize } from '../../core/byte-size.js';
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
    `a delta of format ${format} between images of ${baseBytes} and ${targetBytes} bytes is made with ` +
      `${exactly(leastBytes)} of memory at least, Node and ota themselves among them; ${exactly(maxMemoryBytes)} are allowed`,
    ['Allow more with --max-memory.', 'Or pack a full image with --full.'],
  );
}

/** In bytes too: what is allowed may lie a little below what is needed. */
const exactly = (bytes: number) => `${bytes} bytes (${formatByteSize(bytes)})`;
