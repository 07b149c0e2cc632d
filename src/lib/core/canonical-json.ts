import canonicalize from 'canonicalize';
import type { JsonValue } from './strict-json.js';

/**
 * The one byte form of a JSON value: keys sorted by UTF-16 code units, numbers as ECMAScript
 * writes them, no white space, UTF-8. What is hashed and signed goes through here.
 *
 * @throws Error on NaN, infinities and lone surrogates, which have no such form
 * @see RFC 8785
 */
export function canonicalJson(value: JsonValue): Buffer {
  return Buffer.from(canonicalize(value)!, 'utf8');
}
