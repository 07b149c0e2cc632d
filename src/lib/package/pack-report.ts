import type { ImageDigest, PayloadEntry } from './metadata.js';
import type { PackedFile, PackResult } from './pack.js';
import type { BaseChoice } from './pack-payloads.js';

/** What `ota pack --json` prints. */
export interface PackReport {
  dryRun: boolean;
  digest: string;
  product: string;
  version: string;
  sequence: number;
  securityCounter: number;
  keyids: string[];
  files: PackedFile[];
  payloads: (Pick<
    PayloadEntry,
    'file' | 'component' | 'format' | 'size' | 'base' | 'applyMemoryBytes' | 'storageBytes'
  > & {
    target: ImageDigest;
  })[];
  /** How a device with each base gets the new image, and which deltas were made for it. */
  choices: BaseChoice[];
  warnings: string[];
}

export function packReport(
  { metadata, digest, keyids, choices, files }: PackResult,
  dryRun: boolean,
  warnings: string[],
): PackReport {
  const { product, version, sequence, securityCounter, payloads } = metadata;
  return {
    dryRun,
    digest,
    product,
    version,
    sequence,
    securityCounter,
    keyids,
    files,
    payloads: payloads.map(({ file, component, format, size, base, target, applyMemoryBytes, storageBytes }) => ({
      file,
      component,
      format,
      size,
      ...(base === undefined ? {} : { base }),
      target,
      applyMemoryBytes,
      storageBytes,
    })),
    choices,
    warnings,
  };
}
