import { OtaError } from '../core/errors.js';
import type { RandomAccess } from '../core/random-access.js';
import { sha256OfAccess } from '../core/sha256.js';
import type { AuthenticPackage, ListedPayload } from './authenticate.js';
import { checkChunkHash, mismatch } from './authenticated-payload.js';
import type { DeviceState } from './device-state.js';
import { hashPayload } from './payload-hash.js';
import { judgePackage, type PolicyVerdict, requireAccepted } from './policy.js';
import { checkExpiry } from './policy-checks.js';
import { type InstalledImage, type SelectedPayload, selectPayloads } from './select-payloads.js';
import { targetBytes } from './target-bytes.js';

/** Bytes done of all that a long job has to read or make. */
export type OnBytes = (doneBytes: number, totalBytes: number) => void;

export interface PolicyOptions {
  now: Date;
  /** Absent: only what needs no device is judged (expiry). */
  device?: DeviceState;
  noFullFallback?: boolean;
}

/**
 * Refuses a package that this device, or anybody at this time, must not install.
 *
 * @returns the verdict of the device, if there is one
 * @throws OtaError of status 5: the first refusal
 */
export function requirePolicy(
  pkg: AuthenticPackage,
  { now, device, noFullFallback }: PolicyOptions,
): PolicyVerdict | undefined {
  if (device === undefined) {
    const [refusal] = checkExpiry(pkg.metadata, {}, { name: pkg.name, now }).failures;
    if (refusal !== undefined) throw refusal;
    return undefined;
  }
  const verdict = judgePackage(pkg.metadata, device, {
    name: pkg.name,
    digest: pkg.digest,
    contained: containedFiles(pkg),
    now,
    noFullFallback,
    trustedKeyids: pkg.trustedKeyids,
  });
  requireAccepted(verdict);
  return verdict;
}

/**
 * Checks every payload that the container holds against its size, its chunk hashes and its hash.
 *
 * @throws OtaError PAYLOAD_MISMATCH
 */
export async function verifyPayloads(
  payloads: readonly ListedPayload[],
  { signal, onBytes }: { signal?: AbortSignal; onBytes?: OnBytes } = {},
): Promise<void> {
  const total = payloads.reduce((sum, { entry }) => sum + entry.size, 0);
  let before = 0;
  for (const { entry, data } of payloads) {
    const { chunkBytes } = entry;
    const got = await hashPayload(data, chunkBytes, {
      signal,
      onProgress: (bytes) => onBytes?.(before + bytes, total),
    });
    for (const [index, sha256] of got.chunkSha256.entries()) checkChunkHash(entry, index, sha256, data.name);
    if (got.sha256 !== entry.sha256) throw mismatch(data.name, `SHA-256 is ${got.sha256}, expected ${entry.sha256}`);
    before += entry.size;
  }
}

/** What a component has installed, as a seekable image. */
export type BaseImages = ReadonlyMap<string, RandomAccess>;

/**
 * Chooses the payload of each component by the images that are really there.
 *
 * @throws OtaError BASE_MISMATCH, FULL_FALLBACK_FORBIDDEN; PAYLOAD_MISMATCH where that is why
 */
export async function selectForBases(
  pkg: AuthenticPackage,
  bases: BaseImages,
  { noFullFallback, signal }: { noFullFallback?: boolean; signal?: AbortSignal } = {},
): Promise<(SelectedPayload & ListedPayload)[]> {
  const installed = new Map<string, InstalledImage>();
  for (const [component, image] of bases) {
    installed.set(component, { name: image.name, sha256: await sha256OfAccess(image, { signal }) });
  }
  const { selected, failures } = selectPayloads(pkg.metadata, {
    contained: containedFiles(pkg),
    installed,
    noFullFallback,
  });
  if (failures[0] !== undefined) {
    await verifyPayloads(pkg.payloads, { signal }); // a damaged payload is the earlier failure, see "Order of checks"
    throw failures[0];
  }
  return selected.map((choice) => ({ ...choice, data: payloadNamed(pkg, choice.entry.file) }));
}

/**
 * Applies the chosen payloads in memory and checks that each makes the image that was signed.
 *
 * @throws OtaError as `targetBytes`
 */
export async function verifyTargets(
  selected: readonly (SelectedPayload & ListedPayload)[],
  bases: BaseImages,
  { signal, onBytes }: { signal?: AbortSignal; onBytes?: OnBytes } = {},
): Promise<void> {
  const total = selected.reduce((sum, { entry }) => sum + entry.target.size, 0);
  let done = 0;
  for (const choice of selected) {
    const base = bases.get(choice.entry.component);
    for await (const chunk of targetBytes(choice, base, signal, { checkChunks: true })) {
      done += chunk.byteLength;
      onBytes?.(done, total);
    }
  }
}

export function containedFiles({ payloads }: Pick<AuthenticPackage, 'payloads'>): Set<string> {
  return new Set(payloads.map(({ entry }) => entry.file));
}

function payloadNamed({ payloads, name }: AuthenticPackage, file: string): RandomAccess {
  const payload = payloads.find(({ entry }) => entry.file === file);
  if (payload === undefined) throw new OtaError('CONTAINER_INVALID', `${name}: does not hold ${file}`);
  return payload.data;
}
