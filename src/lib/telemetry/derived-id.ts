import { hash } from 'node:crypto';

/** UUID of version 5 of the address `ota-fleet:telemetry`. */
const NAMESPACE = Buffer.from('13d9065689f25522b1c17dc42a3ef5cb', 'hex');

/** Digits that begin with the bits 10. */
const VARIANTS = '89ab';

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
  const hex = hash('sha256', Buffer.concat([namespace, message]), 'hex');
  const variant = VARIANTS[Number.parseInt(hex[16]!, 16) & 0x3];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
