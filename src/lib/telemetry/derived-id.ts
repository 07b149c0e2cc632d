import { hash } from 'node:crypto';

/** UUID of version 5 of the address `ota-fleet:telemetry`. */
const NAMESPACE = Buffer.from('13d9065689f25522b1c17dc42a3ef5cb', 'hex');

/**
 * Id of a message that has none: equal messages get equal ids, in every run and on every machine.
 *
 * A UUID of version 8: SHA-256 over a namespace and the message's bytes, without white space around them.
 *
 * @param message from its opening brace to its closing one
 * @param namespace 16 bytes
 * @returns 36 characters
 * @see RFC 9562, appendix B.2
 */
export function derivedId(message: Uint8Array, namespace: Uint8Array = NAMESPACE): string {
  const digest = hash('sha256', Buffer.concat([namespace, message]), 'buffer');
  digest[6] = (digest[6]! & 0x0f) | 0x80;
  digest[8] = (digest[8]! & 0x3f) | 0x80;
  return digest.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
