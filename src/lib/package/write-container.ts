import { Readable } from 'node:stream';
import { OtaError } from '../core/errors.js';
import { chunksOf } from '../core/file-access.js';
import type { RandomAccess } from '../core/random-access.js';
import type { ContainerPayload, ContainerRoot } from './container.js';
import { MAX_ENTRY_BYTES } from './ustar.js';

/** What goes into a container, in the order in which it is written. */
export interface ContainerContent {
  metadataBytes: Uint8Array;
  signatureBytes: Uint8Array;
  roots: readonly ContainerRoot[];
  payloads: readonly ContainerPayload[];
}

/**
 * Writes a container. The same content gives the same bytes: every header field
 * is fixed but name and size.
 *
 * Memory stays at a few chunks whatever the payload sizes.
 *
 * @yields the bytes of the tar file
 * @throws OtaError LIMIT_EXCEEDED: a payload above 8 GiB − 1; whatever reading a payload throws
 */
export async function* containerBytes(content: ContainerContent, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const { TarArchive } = await import('archiver'); // large; most commands only read
  const archive = new TarArchive({});
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined); // nobody waits for it once the consumer has left
  archive.on('warning', failed.reject);
  const streams: Readable[] = [];
  const add = (source: Buffer | Readable, name: string, size: number) =>
    archive.append(source, {
      name,
      date: new Date(0),
      mode: 0o644,
      // archiver streams an entry only when it is told its size in this way
      stats: { size } as NonNullable<Parameters<typeof archive.append>[1]>['stats'],
    });
  try {
    add(Buffer.from(content.metadataBytes), 'metadata.json', content.metadataBytes.byteLength);
    add(Buffer.from(content.signatureBytes), 'signature.json', content.signatureBytes.byteLength);
    for (const root of content.roots) add(root.bytes, `root.${root.version}.json`, root.bytes.byteLength);
    for (const payload of content.payloads) {
      const { data, file } = payload;
      if (data.size > MAX_ENTRY_BYTES) {
        throw new OtaError(
          'LIMIT_EXCEEDED',
          `${data.name}: ${data.size} bytes, a payload holds at most ${MAX_ENTRY_BYTES}`,
        );
      }
      const stream = payloadStream(data, signal);
      streams.push(stream.once('error', failed.reject));
      add(stream, file, data.size);
    }
    archive.finalize().catch(failed.reject);
    const bytes: AsyncIterator<Uint8Array> = archive.iterator({ destroyOnReturn: false });
    for (;;) {
      const next = await Promise.race([bytes.next(), failed.promise]);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // Where reading fails, or the consumer leaves early, the archive is abandoned and holds nothing. Destroyed, it
    // would hand an error to the entry being written, where nobody could catch it.
    archive.abort();
    for (const stream of streams) stream.destroy();
  }
}

/** Read only when the archive reaches it, since both generators are lazy. */
function payloadStream(data: RandomAccess, signal: AbortSignal | undefined): Readable {
  return Readable.from(copies(chunksOf(data, { signal })), { objectMode: false, highWaterMark: 1024 ** 2 });
}

/** chunksOf reuses its buffers, while a stream keeps several chunks in its queue. */
async function* copies(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield Buffer.from(chunk);
}
