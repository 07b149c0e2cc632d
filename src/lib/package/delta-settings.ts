import { OtaError } from '../core/errors.js';
import type { Coder, CreatedDelta, DeltaFormat, Effort, InPlaceOptions } from '../delta/formats.js';
import type { PayloadFormat } from './metadata.js';

/** What a publisher wants of the deltas of a release. */
export interface DeltaSettings {
  /** `auto`: the smallest of what devices apply. */
  readonly format: DeltaFormat | 'auto';
  /** What the updaters of all compatible devices apply. */
  readonly deviceFormats: readonly PayloadFormat[];
  /** Look into compressed parts, where devices apply `otad-repack`. */
  readonly repack: boolean;
  readonly coder?: Coder;
  readonly effort: Effort;
  /** The devices have a single slot, which is written over while it is read. */
  readonly inPlace?: InPlaceOptions;
  /** What making a delta may take, bytes. */
  readonly maxMemoryBytes?: number;
}

/** Flash is mostly erased in sectors of 4 KiB. */
export const DEFAULT_IN_PLACE: InPlaceOptions = { blockBytes: 4096 };

/** Below this, a second format costs seconds, bytes of the new image. */
const CHEAP_TARGET_BYTES = 1024 ** 2;

/**
 * Formats worth making for one pair of images, in the order of their chances. Those after the first
 * can win only now and then, and are left out where they cost more than that is worth.
 *
 * @param targetBytes size of the new image
 * @throws OtaError USAGE: devices apply no format that a delta could have
 */
export function candidateFormats(settings: DeltaSettings, targetBytes: number): DeltaFormat[] {
  const { format, repack, inPlace, effort } = settings;
  const accepted = (name: DeltaFormat) => settings.deviceFormats.includes(name);
  if (format !== 'auto') return [format];
  if (inPlace !== undefined) return requireSome(['otad-inplace' as const].filter(accepted), settings);
  const isThorough = effort === 'best' && targetBytes <= CHEAP_TARGET_BYTES;
  const ours = (['otad-repack', 'otad'] as const).filter((name) => accepted(name) && (repack || name === 'otad'));
  const theirs = (['bsdf2', 'bsdiff40'] as const).filter(accepted).slice(0, 1);
  return requireSome(ours.length === 0 || isThorough ? [...ours, ...theirs] : ours, settings);
}

/** Compressed parts that changed cost a plain delta at least this share of their bytes, or nobody would repack. */
const PLAIN_SHARE = 0.5;

/**
 * @param made so far
 * @returns whether this candidate could still be smaller
 */
export function isWorthMaking(
  format: DeltaFormat,
  made: readonly (Pick<CreatedDelta, 'size' | 'repackedBytes'> & { format: DeltaFormat })[],
  { effort }: Pick<DeltaSettings, 'effort'>,
): boolean {
  if (format !== 'otad' || effort === 'best') return true;
  const repacked = made.find((delta) => delta.format === 'otad-repack');
  return repacked === undefined || repacked.size > PLAIN_SHARE * (repacked.repackedBytes ?? 0);
}

function requireSome(formats: DeltaFormat[], { deviceFormats }: DeltaSettings): DeltaFormat[] {
  if (formats.length > 0) return formats;
  throw new OtaError('USAGE', `the devices apply ${deviceFormats.join(', ')}, none of which a delta here could have`, [
    'Name more --device-formats, or leave out --from and pack the full image.',
  ]);
}

/** Formats that are worth comparing for devices of this kind, in the order people know them. */
export function comparedFormats({ inPlace, repack }: DeltaSettings): DeltaFormat[] {
  if (inPlace !== undefined) return ['otad-inplace'];
  return ['bsdf2', 'bsdiff40', 'otad', ...(repack ? ['otad-repack' as const] : [])];
}
