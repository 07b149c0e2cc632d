import { OtaError } from '../core/errors.js';
import type { Metadata, ReleaseFields } from './metadata.js';
import type { PackedFile } from './pack.js';
import type { BaseChoice } from './pack-payloads.js';

/**
 * Holds a release against the one before it.
 *
 * @param previous metadata of the package released before, if the publisher names it
 * @throws OtaError PRODUCT_MISMATCH, SEQUENCE_ROLLBACK, COUNTER_ROLLBACK: devices that run the previous
 *   release would refuse this one
 */
export function requireSuccessor(release: ReleaseFields, previous: Metadata | undefined): void {
  if (previous === undefined) return;
  if (release.product !== previous.product) {
    throw new OtaError(
      'PRODUCT_MISMATCH',
      `the previous package is for product ${previous.product}, this one for ${release.product}`,
    );
  }
  if (release.sequence <= previous.sequence) {
    throw new OtaError(
      'SEQUENCE_ROLLBACK',
      `sequence ${release.sequence} must be above ${previous.sequence}, that of the previous package`,
      [`Use --sequence ${previous.sequence + 1}.`],
    );
  }
  if (release.securityCounter < previous.securityCounter) {
    throw new OtaError(
      'COUNTER_ROLLBACK',
      `security counter ${release.securityCounter} is below ${previous.securityCounter}, that of the previous package`,
    );
  }
}

/** What the publisher should know before this package leaves the house. */
export function packWarnings(
  metadata: Metadata,
  {
    files,
    previous,
    warnBytes,
    signed,
    choices = [],
  }: {
    files: PackedFile[];
    previous?: Metadata;
    warnBytes?: number;
    signed: boolean;
    choices?: readonly BaseChoice[];
  },
): string[] {
  const { securityCounter, payloads, sequence } = metadata;
  const raisedFrom = previous?.securityCounter ?? 0;
  const warnings: string[] = [];
  if (securityCounter > raisedFrom) {
    warnings.push(
      `security counter ${securityCounter} is above ${raisedFrom}: a device that confirms this release can never go back to one with a lower counter`,
    );
  }
  if (sequence === Number.MAX_SAFE_INTEGER || securityCounter === 2 ** 32 - 1) {
    warnings.push(
      'no later release can have a higher sequence or security counter: only a change of all release keys can recover from it',
    );
  }
  for (const { file, format, size, target } of payloads) {
    if (format !== 'full' && size >= target.size)
      warnings.push(`${file} has ${size} bytes, no less than the ${target.size} of the full image`);
  }
  for (const { component, base, format, size, made, notes = [] } of choices) {
    warnings.push(...notes.map((note) => `${base.name}: ${note}`));
    if (format !== 'full') continue;
    const [smallest] = made;
    const delta = smallest === undefined ? 'a delta' : `a delta of ${smallest.size} bytes (${smallest.format})`;
    warnings.push(
      `${base.name}: ${delta} is no smaller than the full image of ${component}, ${size} bytes, which is packed instead`,
    );
  }
  for (const { path, size } of files) {
    if (warnBytes !== undefined && size > warnBytes) warnings.push(`${path} has ${size} bytes, above ${warnBytes}`);
  }
  if (!signed) warnings.push('the package is not signed: every device refuses it until `ota sign` has run');
  return warnings;
}
