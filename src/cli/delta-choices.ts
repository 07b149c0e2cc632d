import { OtaError } from '../lib/core/errors.js';
import { escapeText } from '../lib/core/text.js';
import type { Coder, DeltaFormat, Effort } from '../lib/delta/formats.js';
import { MACHINES, type Machine } from '../lib/delta/predict/address-space.js';
import { candidateFormats, DEFAULT_IN_PLACE, type DeltaSettings } from '../lib/package/delta-settings.js';
import { PAYLOAD_FORMATS, type PayloadFormat } from '../lib/package/metadata.js';

/** The options of deltas, as a command line gives them. */
export interface DeltaChoices {
  format: DeltaFormat | 'auto';
  'device-formats'?: readonly PayloadFormat[] | undefined;
  coder?: Coder | undefined;
  effort: Effort;
  repack: 'auto' | 'off';
  'in-place': boolean;
  'erase-block'?: number | undefined;
  'spare-space'?: number | undefined;
  'max-memory'?: number | undefined;
}

/**
 * Joins the options of deltas, and refuses those that contradict each other.
 *
 * @param isTyped whether an option stands on the command line: what only configuration says never makes it wrong
 * @throws OtaError USAGE
 */
export function deltaSettings(choices: DeltaChoices, isTyped: (flag: string) => boolean): DeltaSettings {
  const { format, coder, effort, repack } = choices;
  const blockBytes = choices['erase-block'] ?? DEFAULT_IN_PLACE.blockBytes;
  const isInPlace = choices['in-place'] || format === 'otad-inplace';
  if (isInPlace && (blockBytes < 1 || !Number.isInteger(Math.log2(blockBytes)))) {
    throw refused(`--erase-block: ${blockBytes} bytes is no power of two`, 'Write a size such as 4KiB.');
  }
  const isUnfit = isInPlace && coder === 'mix';
  if (isUnfit && isTyped('coder')) {
    throw refused(
      '--coder mix: an update in place goes on after a power cut, which this coder cannot',
      'Use --coder lzma, brotli or none.',
    );
  }
  const settings: DeltaSettings = {
    format,
    deviceFormats: [...new Set(choices['device-formats'] ?? PAYLOAD_FORMATS)],
    repack: repack === 'auto',
    effort,
    ...(coder && !isUnfit && { coder }),
    ...(isInPlace && {
      inPlace: {
        blockBytes,
        ...(choices['spare-space'] !== undefined && { spaceBytes: choices['spare-space'] }),
      },
    }),
    ...(choices['max-memory'] !== undefined && { maxMemoryBytes: choices['max-memory'] }),
  };
  refuseContradictions(settings, choices, isTyped);
  return settings;
}

function refuseContradictions(
  settings: DeltaSettings,
  { 'in-place': isInPlace }: DeltaChoices,
  isTyped: (flag: string) => boolean,
): void {
  const { format, deviceFormats, repack, inPlace } = settings;
  const stray = ['erase-block', 'spare-space'].find((flag) => inPlace === undefined && isTyped(flag));
  if (stray !== undefined) throw refused(`--${stray} is for devices with a single slot`, 'Add --in-place.');
  const listed = deviceFormats.join(', ');
  if (format !== 'auto' && !deviceFormats.includes(format)) {
    throw refused(
      `--format ${format}: the devices apply ${listed} only`,
      'Name it among --device-formats, or leave the choice to --format auto.',
    );
  }
  if (isInPlace && format !== 'auto' && format !== 'otad-inplace') {
    throw refused(
      `--in-place: a delta of format ${format} needs a second slot`,
      'Use --format otad-inplace, or leave out --format.',
    );
  }
  if (isInPlace && !deviceFormats.includes('otad-inplace')) {
    throw refused(`--in-place: the devices apply ${listed} only`, 'Name otad-inplace among --device-formats.');
  }
  if (format === 'otad-repack' && !repack) {
    throw refused('--repack off: --format otad-repack does nothing but repack', 'Use --format otad.');
  }
  const ours = candidateFormats(settings, 0).some((name) => name.startsWith('otad'));
  for (const flag of ['coder', 'machine', 'base-address']) {
    if (ours || !isTyped(flag)) continue;
    const made = format === 'auto' ? `the devices apply ${listed} only` : `a delta of format ${format} has no choice`;
    throw refused(`--${flag} is for otad deltas: ${made}`, `Leave out --${flag}, or make an otad delta.`);
  }
}

/**
 * @param choices `full`: full images are asked for; `from`: the bases
 * @throws OtaError USAGE: the package would hold a full image that the devices do not apply
 */
export function requireFullAccepted(
  { full, from = [] }: { full: boolean; from?: readonly string[] | undefined },
  { deviceFormats }: DeltaSettings,
): void {
  if (deviceFormats.includes('full') || (!full && from.length > 0)) return;
  const asked = full ? '--full' : 'without --from the package has only full images';
  throw refused(`${asked}: the devices apply ${deviceFormats.join(', ')} only`, 'Name full among --device-formats.');
}

/** @throws OtaError USAGE */
export function parseMachine(text: string): Machine {
  const machine = MACHINES.find((name) => name === text);
  if (machine !== undefined) return machine;
  throw refused(`--machine: "${escapeText(text)}" is no known instruction set`, `Write one of ${MACHINES.join(', ')}.`);
}

/**
 * @returns a safe integer; addresses from 2^63 on, such as those of 64-bit kernels, are negative
 * @throws OtaError USAGE
 */
export function parseAddress(text: string): number {
  const isNumber = /^(?:0x[0-9a-f]{1,16}|\d{1,20})$/i.test(text);
  const address = isNumber && BigInt(text) < 2n ** 64n ? Number(BigInt.asIntN(64, BigInt(text))) : Number.NaN;
  if (Number.isSafeInteger(address)) return address;
  throw refused(`--base-address: "${escapeText(text)}" is no address`, 'Write a number such as 0x08000000.');
}

function refused(fact: string, suggestion: string): OtaError {
  return new OtaError('USAGE', fact, [suggestion]);
}
