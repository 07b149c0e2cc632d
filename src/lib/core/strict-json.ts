import { OtaError } from './errors.js';
import { type JsonObject, JsonScanner, type JsonValue } from './json-scanner.js';
import { escapeText } from './text.js';

export type { JsonObject, JsonValue };

export interface StrictJsonOptions {
  /** The file it came from, for messages. */
  name: string;
  /** Largest size accepted, bytes. */
  maxBytes: number;
  /** Deepest nesting of arrays and objects accepted; a scalar has depth 0. */
  maxDepth?: number;
  /** Most arrays, objects and scalars accepted: `[[],[],…` takes a hundred times its size in memory. */
  maxValues?: number;
}

/**
 * Reads JSON that two readers cannot understand differently: anything ambiguous is refused
 * instead of repaired. Memory and time grow with the size only; deep nesting does not recurse.
 *
 * Refused: duplicate keys and `__proto__`, a byte order mark, invalid UTF-8, lone surrogates
 * (escaped too), −0, numbers that overflow, whole numbers beyond ±(2^53−1), anything after the value.
 *
 * @throws OtaError JSON_INVALID with line and column (from 1, columns in characters);
 *   LIMIT_EXCEEDED for size, depth and number of values
 * @see RFC 8259; RFC 7493 (I-JSON)
 */
export function parseStrictJson(bytes: Uint8Array, options: StrictJsonOptions): JsonValue {
  const { name, maxBytes, maxDepth = 32, maxValues = 65_536 } = options;
  if (bytes.byteLength > maxBytes) {
    throw new OtaError(
      'LIMIT_EXCEEDED',
      `${escapeText(name)}: has ${bytes.byteLength} bytes, at most ${maxBytes} are accepted`,
    );
  }
  return new JsonScanner(decodeUtf8(bytes, name), name, { maxDepth, maxValues }).document();
}

function decodeUtf8(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    const at = firstInvalidByte(bytes);
    throw new OtaError('JSON_INVALID', `${escapeText(name)}: not UTF-8 at byte ${at}`, ['Save the file as UTF-8.']);
  }
}

/** Offset of the first byte that no valid UTF-8 text could continue with. */
function firstInvalidByte(bytes: Uint8Array): number {
  let valid = 0;
  let invalid = bytes.byteLength + 1;
  while (valid + 1 < invalid) {
    const middle = (valid + invalid) >>> 1;
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, middle), { stream: true });
      valid = middle;
    } catch {
      invalid = middle;
    }
  }
  return valid;
}
