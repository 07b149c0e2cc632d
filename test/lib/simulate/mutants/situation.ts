import { createHash } from 'node:crypto';
import { canonicalJson } from '../../../../src/lib/core/canonical-json.js';
import type { JsonValue } from '../../../../src/lib/core/strict-json.js';
import type { Layout } from '../../../../src/lib/device/layout.js';
import type { Materials } from '../../../../src/lib/simulate/materials.js';
import type { BootsSpec } from '../../../../src/lib/simulate/scenario.js';
import { encodeTrustRoot } from '../../../../src/lib/trust/root.js';
import { addKey } from '../../../../src/lib/trust/root-edit.js';
import { fullPayload, packageBytes, releaseMetadata, testSigner } from '../../../support/packages.js';
import { rootOf, successorOf } from '../../trust/keys.js';

const flash = {
  eraseBlockBytes: 256,
  writeAlignmentBytes: 128,
  erasedValue: 255,
  bootAttempts: 2,
  confirmTimeoutSeconds: 600,
};

/** What is wrong with an updater shows in three blocks as it does in three thousand. */
const LAYOUTS = {
  'two slots': { ...flash, components: { app: { slots: ['a', 'b'], slotBytes: 768 } } },
  'two components': {
    ...flash,
    components: { app: { slots: ['a', 'b'], slotBytes: 512 }, modem: { slots: ['a', 'b'], slotBytes: 256 } },
  },
  'one slot': { ...flash, components: { app: { slots: ['main'], slotBytes: 512 } } },
} satisfies Record<string, Layout>;

/** A device, a package for it, and how its firmware behaves. */
export interface Situation {
  layout: keyof typeof LAYOUTS;
  boots: BootsSpec;
  /** The package raises the security counter, so that nothing rolls back by wish, and carries a new trust root. */
  raises?: boolean;
}

export const SITUATIONS = {
  twoSlots: { layout: 'two slots', boots: 'good' },
  badFirmware: { layout: 'two slots', boots: 'bad:2' },
  raised: { layout: 'two components', boots: 'good', raises: true },
  oneSlot: { layout: 'one slot', boots: 'good' },
} satisfies Record<string, Situation>;

export function situationName({ layout, boots, raises = false }: Situation): string {
  return `${layout}, firmware ${boots}${raises ? ', a higher counter and a new trust root' : ''}`;
}

/** The same bytes each time. */
export async function materialsFor({ layout: name, raises = false }: Situation): Promise<Materials> {
  const layout: Layout = LAYOUTS[name];
  const [rootSigner, releaseSigner, nextSigner] = [testSigner(1), testSigner(2), testSigner(3)];
  const root = await rootOf({ root: [rootSigner], release: [releaseSigner] });
  const next = await successorOf(root, [addKey('release:meter', nextSigner.publicKey)], [rootSigner]);
  const images = (release: string) =>
    Object.entries(layout.components).map(([component, { slotBytes }]) => ({
      component,
      name: `${release} ${component}`,
      version: '1.0.0',
      bytes: bytesOf(`${release} ${component}`, slotBytes - 40),
    }));
  const payloads = images('new').map(({ component, bytes }) => fullPayload(bytes, { component }));
  const metadata = releaseMetadata(
    payloads.map(({ entry }) => entry),
    { securityCounter: 1, rollback: { allowed: true }, createdAt: '2026-01-01T00:00:00Z' },
  );
  const container = await packageBytes({
    metadataBytes: canonicalJson(metadata as JsonValue),
    payloads: payloads.map(({ content }) => content),
    signers: [releaseSigner],
    roots: raises ? [{ version: 2, bytes: encodeTrustRoot(next) }] : [],
  });
  return {
    package: { name: 'new.ota', bytes: container },
    bases: images('old'),
    base: { version: '1.0.0', sequence: 1, securityCounter: raises ? 0 : 1 },
    layout,
    trustRoot: encodeTrustRoot(root),
    allowTestKeys: false,
    seed: 1,
  };
}

function bytesOf(text: string, size: number): Buffer {
  return createHash('shake256', { outputLength: size }).update(text).digest();
}
