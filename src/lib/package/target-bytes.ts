import { createHash } from 'node:crypto';
import { throwIfAborted } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import type { RandomAccess } from '../core/random-access.js';
import { applyDelta } from '../delta/apply-delta.js';
import type { ApplyDeltaOptions } from '../delta/formats.js';
import type { ListedPayload } from './authenticate.js';
import { authenticatedPayload } from './authenticated-payload.js';

/**
 * The image that a payload makes, in order.
 *
 * Bytes are yielded before the result's hash is known, so write them only where they
 * can be discarded, and commit after the iterator has ended. A chunk is valid until the
 * next is asked for. Memory does not depend on image sizes.
 *
 * @param payload listed in authentic metadata; each of its bytes is checked before it is decoded
 * @param base    the installed image; its hash was checked by whoever chose this payload
 * @param options `checkChunks`: also the hashes that a patch has for the chunks of its image. They say nothing of the
 *   image that the hash of the whole does not, but an applier that relies on them would refuse the patch.
 * @throws OtaError PAYLOAD_MISMATCH, PATCH_INVALID, LIMIT_EXCEEDED, and at the end TARGET_MISMATCH
 */
export async function* targetBytes(
  payload: ListedPayload,
  base: RandomAccess | undefined,
  signal?: AbortSignal,
  { checkChunks = false }: Pick<ApplyDeltaOptions, 'checkChunks'> = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { entry, data } = payload;
  const { target } = entry;
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of decode(payload, base, { checkChunks, signal })) {
    throwIfAborted(signal);
    hash.update(chunk);
    size += chunk.byteLength;
    yield chunk;
  }
  const sha256 = hash.digest('hex');
  if (size === target.size && sha256 === target.sha256) return;
  throw new OtaError(
    'TARGET_MISMATCH',
    `${data.name}: makes ${size} bytes with SHA-256 ${sha256}, expected ${target.size} bytes with ${target.sha256}`,
    ['Ask the publisher for a new build: the patch does not make the image that was signed.'],
  );
}

function decode(
  { entry, data }: ListedPayload,
  base: RandomAccess | undefined,
  { checkChunks, signal }: Pick<ApplyDeltaOptions, 'checkChunks' | 'signal'>,
): AsyncIterable<Uint8Array> {
  const payload = authenticatedPayload(data, entry);
  if (entry.format === 'full') return wholeChunks(payload, entry.chunkBytes);
  if (base === undefined) throw new Error(`${entry.file} was chosen without its base`);
  // The base was hashed before, the image is as it is made.
  const targetSize = entry.target.size;
  return applyDelta({ format: entry.format, patch: payload, base, targetSize, checkChunks, signal });
}

async function* wholeChunks(payload: RandomAccess, chunkBytes: number): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, payload.size));
  for (let position = 0; position < payload.size; position += chunkBytes) {
    yield buffer.subarray(0, await payload.read(buffer, position));
  }
}
