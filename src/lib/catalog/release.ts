import { OtaError } from '../core/errors.js';
import type { AuthenticPackage, ListedPayload } from '../package/authenticate.js';
import type { Metadata } from '../package/metadata.js';
import { thinCuts } from '../package/split.js';

/** A part of a release that a device fetches as one file. */
export interface Cut {
  /** First 8 digits of the base's SHA-256, `full`, or `whole` for a package that cannot be cut. */
  label: string;
  /** Names of its payloads. */
  files: readonly string[];
  /** All of them together: what a device downloads, framing and signatures aside. */
  bytes: number;
}

/** A channel that a release is in. */
export interface ChannelEntry {
  name: string;
  /** Milliseconds since 1970. */
  enteredAtMs: number;
}

/** What the catalogue remembers of a published package. Plain data: it may be stored as JSON. */
export interface Release {
  /** SHA-256 of the metadata: the same for every cut. */
  digest: string;
  metadata: Metadata;
  /** Size of the file that was published. */
  artifactBytes: number;
  /** Empty once its files have been deleted: it is remembered, and cannot be fetched. */
  cuts: readonly Cut[];
  channels: readonly ChannelEntry[];
  /** Offered to nobody any more. */
  yanked?: { reason: string; atMs: number };
}

/** What a release is called in results. */
export interface ReleaseRef {
  digest: string;
  version: string;
  sequence: number;
}

/**
 * @param pkg           a package whose signatures were checked
 * @param artifactBytes size of its file
 */
export function publishedRelease({ digest, metadata, payloads }: AuthenticPackage, artifactBytes: number): Release {
  return { digest, metadata, artifactBytes, cuts: cutsOf(payloads), channels: [] };
}

/**
 * Adds what another container of the same release holds: thin ones may be published one by one.
 * @throws Error it is another release
 */
export function withCutsOf(release: Release, other: Release): Release {
  if (other.digest !== release.digest) throw new Error('cuts of another release');
  const known = new Set(release.cuts.map(cutKey));
  return { ...release, cuts: [...release.cuts, ...other.cuts.filter((cut) => !known.has(cutKey(cut)))] };
}

export function withoutFiles(release: Release): Release {
  return { ...release, cuts: [] };
}

/** Entering a channel again changes nothing: the time stays that of the first entry. */
export function enterChannel(release: Release, name: string, enteredAtMs: number): Release {
  if (release.channels.some((channel) => channel.name === name)) return release;
  return { ...release, channels: [...release.channels, { name, enteredAtMs }] };
}

export function leaveChannel(release: Release, name: string): Release {
  return { ...release, channels: release.channels.filter((channel) => channel.name !== name) };
}

export function yank(release: Release, reason: string, atMs: number): Release {
  return { ...release, yanked: { reason, atMs } };
}

export function restore({ yanked: _, ...release }: Release): Release {
  return release;
}

export function refOf({ digest, metadata: { version, sequence } }: Release): ReleaseRef {
  return { digest, version, sequence };
}

function cutsOf(payloads: readonly ListedPayload[]): Cut[] {
  const cuts = tryCut(payloads);
  return cuts.length > 0 ? cuts : [cut('whole', payloads)];
}

function tryCut(payloads: readonly ListedPayload[]): Cut[] {
  try {
    return thinCuts(payloads).map(({ label, payloads: part }) => cut(label, part));
  } catch (error) {
    // Components with different numbers of bases: such a package is offered as it is.
    if (error instanceof OtaError && error.code === 'USAGE') return [];
    throw error;
  }
}

function cut(label: string, payloads: readonly ListedPayload[]): Cut {
  return {
    label,
    files: payloads.map(({ entry }) => entry.file),
    bytes: payloads.reduce((sum, { entry }) => sum + entry.size, 0),
  };
}

function cutKey({ files }: Cut): string {
  return files.join('/');
}
