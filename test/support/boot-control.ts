import { hash } from 'node:crypto';
import type { BootControl } from '../../src/lib/device/boot-control.js';
import type { Layout } from '../../src/lib/device/layout.js';

/** A small device: a component with two slots and one with a single slot. */
export const smallLayout: Layout = {
  eraseBlockBytes: 256,
  writeAlignmentBytes: 16,
  erasedValue: 255,
  components: { app: { slots: ['a', 'b'], slotBytes: 4096 }, modem: { slots: ['main'], slotBytes: 2048 } },
  bootAttempts: 3,
  confirmTimeoutSeconds: 600,
};

export const digestOf = (text: string): string => hash('sha256', text);

/** A sound state of a device with {@link smallLayout}. */
export function bootControl(changes: Partial<BootControl> = {}): BootControl {
  const release = digestOf('release 1');
  const image = (text: string, size: number) => ({ version: '1.0.0', size, sha256: digestOf(text), release });
  return {
    sequence: 1,
    event: { type: 'initialised', time: '2026-01-01T00:00:00.000Z', release, version: '1.0.0' },
    active: { release, slots: { app: 'a', modem: 'main' } },
    slots: { app: { a: image('app 1', 4000) }, modem: { main: image('modem 1', 2048) } },
    releases: [
      {
        digest: release,
        version: '1.0.0',
        sequence: 1,
        securityCounter: 0,
        images: { app: digestOf('app 1'), modem: digestOf('modem 1') },
        factory: true,
      },
    ],
    securityCounter: 0,
    trustRoot: { version: 1, sha256: digestOf('root 1') },
    epoch: 0,
    ...changes,
  };
}
