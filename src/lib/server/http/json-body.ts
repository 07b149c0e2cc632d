import type { IncomingMessage } from 'node:http';
import { type JsonValue, parseStrictJson } from '../../core/strict-json.js';
import { ServerFailure } from './server-failure.js';

export interface JsonBodyOptions {
  maxBytes: number;
  maxValues?: number | undefined;
  /** An absent body is undefined instead of a failure. */
  isOptional: boolean;
}

/**
 * Reads a JSON body, strictly, and no more of it than allowed.
 *
 * @throws ServerFailure 400 without a body, 413 for one that is too large or compressed, 415 for another media type
 * @throws OtaError JSON_INVALID, LIMIT_EXCEEDED
 */
export async function readJsonBody(request: IncomingMessage, options: JsonBodyOptions): Promise<JsonValue | undefined> {
  const { maxBytes, maxValues, isOptional } = options;
  const bytes = await readBody(request, maxBytes);
  if (bytes.length === 0) {
    if (isOptional) return undefined;
    throw new ServerFailure(400, 'BODY_MISSING', 'the request has no body, JSON was expected');
  }
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== undefined && !/^application\/([\w.+-]+\+)?json$/.test(type)) {
    throw new ServerFailure(415, 'MEDIA_TYPE', 'the body is not declared as JSON, application/json was expected');
  }
  return parseStrictJson(bytes, { name: 'body', maxBytes, ...(maxValues !== undefined && { maxValues }) });
}

/** @throws ServerFailure 413: larger than `maxBytes`, or compressed, so that its size could not be known before */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  refuseLargeBody(request, maxBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** Refuses by its headers alone what `readBody` would refuse. */
export function refuseLargeBody({ headers }: IncomingMessage, maxBytes: number): void {
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const coding = headers['content-encoding']?.toLowerCase();
  if (coding !== undefined && coding !== 'identity') {
    throw new ServerFailure(413, 'BODY_ENCODED', 'the body is compressed; send it as it is');
  }
}

function tooLarge(maxBytes: number): ServerFailure {
  return new ServerFailure(413, 'BODY_TOO_LARGE', `the body is larger than ${maxBytes} bytes`);
}
