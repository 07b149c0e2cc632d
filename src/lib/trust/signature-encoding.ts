import { SIGNATURE_BYTES } from './ed25519.js';

/**
 * Reads a signature as signing tools print it: 64 raw bytes, or their hex or base64 (also the
 * URL-safe alphabet and without padding) with white space around it.
 *
 * @returns 64 bytes, or undefined
 */
export function decodeSignature(output: Uint8Array): Buffer | undefined {
  if (output.byteLength === SIGNATURE_BYTES) return Buffer.from(output);
  const text = Buffer.from(output).toString('latin1').replace(/\s+/g, '');
  if (/^[0-9a-fA-F]{128}$/.test(text)) return Buffer.from(text, 'hex');
  // 64 bytes are 86 characters and two of padding.
  if (/^[A-Za-z0-9+/_-]{86}(==)?$/.test(text)) return Buffer.from(text, 'base64');
  return undefined;
}
