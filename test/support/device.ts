import { randomBytes } from 'node:crypto';
import { memoryAccess } from '../../src/lib/core/file-access.js';
import type { InitSpec } from '../../src/lib/device/init.js';
import { encodeTrustRoot, type TrustRoot } from '../../src/lib/trust/root.js';
import { newSigner, now, rootOf } from '../lib/trust/keys.js';
import { smallLayout } from './boot-control.js';

export const deviceClock = { now: () => now };

/** Who signs what in tests about devices: the release role is that of `product`. */
export const rootSigner = newSigner();
export const releaseSigner = newSigner();

let root: Promise<TrustRoot> | undefined;
export function deviceRoot(): Promise<TrustRoot> {
  root ??= rootOf({ root: [rootSigner], release: [releaseSigner] });
  return root;
}

export const factoryImages = { app: randomBytes(4000), modem: randomBytes(2048) };

/** What `initDevice` makes a device with {@link smallLayout} of: version 1.0.0, sequence 1. */
export async function initSpec(changes: Partial<InitSpec> = {}): Promise<InitSpec> {
  const images = Object.entries(factoryImages).map(
    ([component, bytes]) => [component, memoryAccess(bytes, `${component}.bin`)] as const,
  );
  return {
    product: 'meter',
    model: 'M100',
    layout: smallLayout,
    trustRoot: encodeTrustRoot(await deviceRoot()),
    factory: { images: new Map(images), version: '1.0.0', sequence: 1 },
    ...changes,
  };
}
