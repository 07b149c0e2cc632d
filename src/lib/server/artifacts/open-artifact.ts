import { Readable } from 'node:stream';
import { chunksOf, region } from '../../core/file-access.js';
import type { ServerContext } from '../context.js';
import { Answer } from '../http/route.js';
import { ServerFailure } from '../http/server-failure.js';
import { requestedRange } from './byte-range.js';

export interface ArtifactRequest {
  readonly method: string;
  readonly headers: {
    readonly range?: string | undefined;
    readonly 'if-range'?: string | undefined;
    readonly 'if-none-match'?: string | undefined;
  };
}

/**
 * A blob as an answer, whole or the part that is asked for. Reading starts when the client takes it, chunk by chunk.
 *
 * @throws ServerFailure 416; OtaError NOT_FOUND, IO_FAILED
 */
export async function openArtifact(
  { blobs }: Pick<ServerContext, 'blobs'>,
  { sha256 }: { sha256: string },
  { method, headers }: ArtifactRequest,
): Promise<Answer> {
  const file = await blobs.open(sha256);
  let isSent = false;
  try {
    const { size } = file;
    const etag = `"${sha256}"`;
    const common = {
      'accept-ranges': 'bytes',
      etag,
      'content-type': 'application/octet-stream',
      'repr-digest': `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`,
    };
    if (headers['if-none-match']?.split(',').some((tag) => tag.trim() === etag))
      return new Answer(304, undefined, { etag });
    const range = requestedRange({ range: headers.range, ifRange: headers['if-range'] }, { size, etag });
    if (range === 'unsatisfiable') {
      throw new ServerFailure(416, 'RANGE', `the file has ${size} bytes, nothing of the range is there`, {
        headers: { 'content-range': `bytes */${size}` },
      });
    }
    const { start, end } = range ?? { start: 0, end: size - 1 };
    const length = end - start + 1;
    const part = range && { 'content-range': `bytes ${start}-${end}/${size}` };
    const allHeaders = { ...common, ...part, 'content-length': String(length) };
    const status = range === undefined ? 200 : 206;
    if (method === 'HEAD') return new Answer(status, undefined, allHeaders);
    const stream = Readable.from(copies(region(file, file.name, start, length)), { objectMode: false });
    stream.once('close', () => void file.close());
    isSent = true;
    return new Answer(status, stream, allHeaders);
  } finally {
    if (!isSent) await file.close();
  }
}

/** chunksOf reuses its buffers, while a stream keeps several chunks in its queue. */
async function* copies(source: ReturnType<typeof region>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunksOf(source, { chunkBytes: 128 * 1024 })) yield Buffer.from(chunk);
}
