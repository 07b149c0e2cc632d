import { readFile, writeFile } from 'node:fs/promises';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import { randomNumbers } from '../../../src/lib/core/random-numbers.js';
import type { Layout } from '../../../src/lib/device/layout.js';
import { authenticatePackage } from '../../../src/lib/package/authenticate.js';
import { openContainer } from '../../../src/lib/package/container.js';
import { packPackage } from '../../../src/lib/package/pack.js';
import type { SimulationRequest } from '../../../src/lib/simulate/request.js';
import { throwAwayRoot } from '../../../src/lib/simulate/throw-away-root.js';
import { parseTrustRoot, trustRoot } from '../../../src/lib/trust/root.js';
import { testFolder } from '../../support/folder.js';
import { BSDF2_DELTAS, testSigner } from '../../support/packages.js';

/** Two images of four small blocks, of which half is the same. */
export function smallImages(): { old: Uint8Array; new: Uint8Array } {
  const random = randomNumbers(7);
  const old = Uint8Array.from({ length: 900 }, () => random() * 256);
  const next = Uint8Array.from({ length: 1000 }, (_, index) => (index < 500 ? old[index]! : random() * 256));
  return { old, new: next };
}

/** Two slots of four blocks of 256 bytes, written in pieces of 64. */
export const SMALL_LAYOUT: Layout = {
  eraseBlockBytes: 256,
  writeAlignmentBytes: 64,
  erasedValue: 0xff,
  components: { app: { slots: ['a', 'b'], slotBytes: 1024 } },
  bootAttempts: 2,
  confirmTimeoutSeconds: 600,
};

/** What `ota simulate` asks for: a package with a delta and the full image, by default on the default layout. */
export async function simulationRequest(
  images: { old: Uint8Array; new: Uint8Array },
  changes: Partial<SimulationRequest> = {},
  release: Record<string, unknown> = {},
): Promise<SimulationRequest> {
  await using folder = await testFolder();
  const outPath = folder.file('pkg.ota');
  await writeFile(folder.file('old.bin'), images.old);
  await writeFile(folder.file('new.bin'), images.new);
  await packPackage({
    release: {
      spec: 'ota-fleet/1',
      product: 'meter',
      compatible: { models: ['M100'] },
      version: '2.0.0',
      sequence: 2,
      securityCounter: 1,
      createdAt: '2026-01-01T00:00:00Z',
      rollback: { allowed: true },
      ...release,
    },
    components: [
      {
        component: 'app',
        target: { name: 'new.bin', path: folder.file('new.bin'), version: '2.0.0' },
        bases: [{ name: 'old.bin', path: folder.file('old.bin'), version: '1.0.0' }],
        full: true,
      },
    ],
    deltas: BSDF2_DELTAS,
    signers: [testSigner(1)],
    roots: [],
    outPath,
    split: false,
    checkReproducible: false,
    force: false,
    dryRun: false,
  });
  const data = memoryAccess(await readFile(outPath), 'pkg.ota');
  const root = await throwAwayRoot({ product: 'meter', keys: [testSigner(1).publicKey] });
  const now = new Date('2026-01-01T00:00:00Z');
  const trust = trustRoot(parseTrustRoot(root, 'root'));
  const pkg = authenticatePackage(await openContainer(data), { trust, now });
  return {
    pkg,
    data,
    bases: new Map([['app', memoryAccess(images.old, 'old.bin')]]),
    trustRoot: root,
    allowTestKeys: false,
    cuts: { kind: 'single' },
    seed: 1,
    ...changes,
  };
}
