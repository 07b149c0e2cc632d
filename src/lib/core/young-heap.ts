import { setFlagsFromString } from 'node:v8';

/**
 * Leaves V8's room for new objects as small as it is at the start. It would double where many of them live on for a
 * while; what a stream makes is soon gone, and the larger room costs megabytes for nothing.
 *
 * V8 looks the factor up whenever it would grow that room, so it may be set while the program runs.
 */
export function keepYoungHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
