import { OtaError } from '../core/errors.js';
import type { RandomAccess } from '../core/random-access.js';
import type { HttpPolicy } from '../net/http-policy.js';
import type { Pacing } from '../net/pacing.js';
import { CONTAINER_LIMITS } from '../package/container.js';
import type { Machine } from './machine.js';
import { PackageSpool } from './package-spool.js';
import { isVerdict } from './package-verdict.js';

export interface Room {
  /** `storageBytes` of the device's layout. */
  roomBytes?: number | undefined;
}

export interface PackageAddress extends Room {
  /** From `parseSourceUrl`. */
  url: URL;
  http?: HttpPolicy | undefined;
  pacing?: Pacing | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((receivedBytes: number, totalBytes: number | undefined) => void) | undefined;
}

export interface PieceOptions extends Room {
  /** Bytes fetched at a time. */
  pieceBytes?: number | undefined;
  /** Called with the bytes of each piece. */
  onFetched?: ((bytes: number) => void) | undefined;
}

/** A package that has arrived on a device as a whole. Nobody has judged it yet. */
export interface ReceivedPackage {
  data: RandomAccess;
  /** Removes it from the device. */
  discard(): Promise<void>;
}

/**
 * Downloads a package to a device, going on where an earlier run was cut off.
 *
 * What has arrived stays on the device when network or disk fail or somebody interrupts, and is removed when the
 * server sends more than it announced or than fits.
 *
 * @throws OtaError as `downloadInto`; DOES_NOT_FIT when the package is announced larger than the room
 */
export async function receivePackage({ fs }: Pick<Machine, 'fs'>, address: PackageAddress): Promise<ReceivedPackage> {
  const { url, http, roomBytes, ...options } = address;
  const maxBytes = roomFor(roomBytes);
  const spool = await PackageSpool.open(fs, { maxBytes });
  // Loaded here, so that devices that are fed from files start without an HTTP client.
  const { downloadInto } = await import('../net/download.js');
  try {
    await downloadInto(url, spool, { ...options, maxBytes, policy: http });
    await spool.finish();
  } catch (error) {
    await quietly(isVerdict(error) ? spool.clear() : spool.keep());
    throw error;
  }
  return received(spool);
}

/**
 * Brings a package to a device from a source that can be read, piece by piece and by the same steps as from a server.
 * Its name stands for its content: pieces of an earlier run are kept when name and size are the same.
 *
 * @throws OtaError DOES_NOT_FIT when it is larger than the room; as DeviceFs and `source` do
 */
export async function receiveFrom(
  { fs }: Pick<Machine, 'fs'>,
  source: RandomAccess,
  { roomBytes, pieceBytes = 64 * 1024, onFetched }: PieceOptions = {},
): Promise<ReceivedPackage> {
  const spool = await PackageSpool.open(fs, { maxBytes: roomFor(roomBytes) });
  const { name, size } = source;
  if (spool.known?.source !== name || spool.known.totalBytes !== size) {
    await spool.begin({ source: name, etag: '"local"', totalBytes: size });
  }
  const buffer = Buffer.allocUnsafe(Math.min(pieceBytes, size));
  while (spool.size < size) {
    const piece = buffer.subarray(0, Math.min(buffer.length, size - spool.size));
    await source.read(piece, spool.size);
    onFetched?.(piece.length);
    await spool.append(piece);
  }
  await spool.finish();
  return received(spool);
}

/**
 * Works on a received package, and removes it from the device when that is done or when it was refused. It stays
 * for another try when network or disk fail, the device is busy, or somebody interrupts.
 */
export async function consume<T>(
  { data, discard }: ReceivedPackage,
  work: (data: RandomAccess) => Promise<T>,
): Promise<T> {
  let result: T;
  try {
    result = await work(data);
  } catch (error) {
    if (isVerdict(error)) await quietly(discard());
    throw error;
  }
  await quietly(discard());
  return result;
}

/** The outcome is decided, and it is what to report: what a failing disk leaves is found by the next download. */
async function quietly(tidying: Promise<void>): Promise<void> {
  await tidying.catch((error: unknown) => {
    if (!(error instanceof OtaError)) throw error;
  });
}

function roomFor(roomBytes: number | undefined): number {
  return Math.min(roomBytes ?? Number.POSITIVE_INFINITY, CONTAINER_LIMITS.containerBytes);
}

function received(spool: PackageSpool): ReceivedPackage {
  return { data: spool.access(), discard: () => spool.clear() };
}
