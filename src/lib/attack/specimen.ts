import { OtaError } from '../core/errors.js';
import { chunksOf } from '../core/file-access.js';
import type { RandomAccess } from '../core/random-access.js';
import { sha256OfAccess } from '../core/sha256.js';
import type { ListedPayload } from '../package/authenticate.js';
import type { Container } from '../package/container.js';
import { inspectContainer } from '../package/inspect.js';
import type { Metadata } from '../package/metadata.js';
import { verifyPayloads } from '../package/verify.js';
import type { CaseFile } from './attack-case.js';

/** Largest payload that is copied into every file of the corpus, bytes. */
const MAX_PAYLOAD_BYTES = 8 * 1024 ** 2;

/** Largest base image that is copied beside them, bytes. */
export const MAX_BASE_BYTES = 256 * 1024 ** 2;

/** What the attacks are made from: one component of a valid package, with one of its payloads. */
export interface Specimen {
  metadata: Metadata;
  payload: { file: string; bytes: Buffer };
  /** The image the payload applies to, where it is a delta and the image was given. */
  base?: CaseFile;
  /** Whether the payload can be applied with what is at hand. */
  applicable: boolean;
}

/**
 * Takes a specimen from a package whose signatures need not be trusted, but which is valid otherwise.
 *
 * @param base the image of an installed release; the delta for it is then attacked, else the smallest full image,
 *   else the smallest delta
 * @throws OtaError BASE_MISMATCH: no delta for this base; LIMIT_EXCEEDED: the payload is above 8 MiB;
 *   as `inspectContainer` and `verifyPayloads` for a package that is not valid
 */
export async function takeSpecimen(container: Container, base?: RandomAccess): Promise<Specimen> {
  const { metadata, payloads } = inspectContainer(container);
  const chosen = base === undefined ? smallest(payloads) : await deltaFor(base, payloads);
  const { entry, data } = chosen;
  if (entry.size > MAX_PAYLOAD_BYTES) {
    throw new OtaError(
      'LIMIT_EXCEEDED',
      `${container.name}: ${entry.file} has ${entry.size} bytes, at most ${MAX_PAYLOAD_BYTES} are copied into each file`,
      ['Give --base to attack a delta, or a smaller package of the same product.'],
    );
  }
  await verifyPayloads([chosen]);
  const { expiresAt: _, ...rest } = metadata; // the files must not expire
  return {
    metadata: { ...rest, payloads: metadata.payloads.filter(({ component }) => component === entry.component) },
    payload: { file: entry.file, bytes: await readAll(data) },
    ...(base === undefined ? {} : { base: { path: 'base.bin', bytes: await readAll(base) } }),
    applicable: base !== undefined || entry.format === 'full',
  };
}

function smallest(payloads: readonly ListedPayload[]): ListedPayload {
  const bySize = payloads.toSorted((a, b) => a.entry.size - b.entry.size);
  return bySize.find(({ entry }) => entry.format === 'full') ?? bySize[0]!;
}

async function deltaFor(base: RandomAccess, payloads: readonly ListedPayload[]): Promise<ListedPayload> {
  const sha256 = await sha256OfAccess(base);
  const delta = payloads.find(({ entry }) => entry.base?.sha256 === sha256);
  if (delta !== undefined) return delta;
  throw new OtaError('BASE_MISMATCH', `${base.name}: SHA-256 is ${sha256}, the package holds no delta for it`, [
    'Run `ota inspect` on the package to see the versions it applies to.',
  ]);
}

async function readAll(source: RandomAccess): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of chunksOf(source)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
