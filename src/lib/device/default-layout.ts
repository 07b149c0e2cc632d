import type { Layout } from './layout.js';

const ERASE_BLOCK_BYTES = 4096;

/**
 * A layout for who brings none: slots `a` and `b` for each component, on an ordinary SPI NOR flash with sectors of
 * 4 KiB and pages of 256 bytes. A slot is the smallest power of two that leaves a quarter of the image for growth.
 *
 * @param imageBytes size of the largest image of each component, bytes
 */
export function defaultLayout(imageBytes: Readonly<Record<string, number>>): Layout {
  const components = Object.entries(imageBytes).map(([component, bytes]) => [
    component,
    { slots: ['a', 'b'], slotBytes: roomFor(bytes) },
  ]);
  return {
    eraseBlockBytes: ERASE_BLOCK_BYTES,
    writeAlignmentBytes: 256,
    erasedValue: 0xff,
    components: Object.fromEntries(components),
    bootAttempts: 3,
    confirmTimeoutSeconds: 600,
  };
}

function roomFor(bytes: number): number {
  return Math.max(ERASE_BLOCK_BYTES, 2 ** Math.ceil(Math.log2(bytes * 1.25)));
}
