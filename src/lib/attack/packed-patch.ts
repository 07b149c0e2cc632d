import { sha256Hex } from '../core/sha256.js';
import type { DeltaFormat } from '../delta/formats.js';
import { payloadFileName } from '../package/metadata.js';
import type { AttackCase, CaseFile, Expectation } from './attack-case.js';
import { type Forge, flipBit } from './forge.js';
import { STAND_IN_BASE, STAND_IN_TARGET } from './patch-bytes.js';

const BASE_FILE: CaseFile = { path: 'patch-base.bin', bytes: STAND_IN_BASE };
export const OTHER_BASE_FILE: CaseFile = { path: 'patch-other-base.bin', bytes: flipBit(STAND_IN_BASE, 0) };

/** A package of the specimen's release, correctly hashed and signed, whose only payload is this patch. */
export function packedPatch(
  forge: Forge,
  {
    row,
    format,
    name,
    code,
    applyCode = code,
    change,
    bytes,
  }: {
    row: number;
    format: DeltaFormat;
    name: string;
    code: Expectation;
    /** Of applying, where it looks at less than verifying. */
    applyCode?: Expectation | undefined;
    change: string;
    bytes: Uint8Array;
  },
): AttackCase {
  const { component, target } = forge.specimen.metadata.payloads[0]!;
  const base = { size: STAND_IN_BASE.length, sha256: sha256Hex(STAND_IN_BASE) };
  const file = payloadFileName({ component, format, base });
  const sha256 = sha256Hex(bytes);
  const metadata = forge.metadata((draft) => {
    draft.payloads = [
      {
        component,
        format,
        file,
        size: bytes.length,
        sha256,
        chunkBytes: 65_536,
        chunkSha256: [sha256],
        target: { version: target.version, size: STAND_IN_TARGET.length, sha256: sha256Hex(STAND_IN_TARGET) },
        base,
        applyMemoryBytes: 1024 ** 2,
        storageBytes: bytes.length,
      },
    ];
  });
  return {
    row,
    name: `${name}-${format}`,
    change: `${change} (${format})`,
    bytes: forge.package({ metadata, payloads: [{ file, bytes }] }),
    trust: forge.releaseTrust,
    base: BASE_FILE,
    verify: code,
    apply: applyCode,
  };
}
