import { OtaError } from '../core/errors.js';

/** A key file is a few hundred bytes; this leaves room for explanatory text. */
export const KEY_FILE_MAX_BYTES = 16 * 1024;

/**
 * Explanatory text before the PEM block (RFC 7468 §2 permits it, OpenSSL skips it) that marks a key
 * made for demos and tests. `verify` refuses such keys unless --allow-test-keys is given.
 */
export const TEST_KEY_LINE = 'ota-fleet TEST KEY: for demos and tests, never for devices in the field';
const TEST_KEY_MARK = /^ota-fleet TEST KEY\b/m;

/** One PEM block (RFC 7468) and whether the text before it marks a test key. */
export interface PemBlock {
  /** For example `PUBLIC KEY`. */
  label: string;
  der: Buffer;
  isTest: boolean;
}

/**
 * Reads a file that holds exactly one PEM block.
 *
 * @param name what a person would call the file; its text is never quoted, as it may be a secret
 * @throws OtaError KEY_INVALID
 */
export function parsePem(text: string, name: string): PemBlock {
  const begins = [...text.matchAll(/^-----BEGIN ([A-Z0-9 ]+)-----[ \t]*\r?$/gm)];
  if (begins.length === 0) throw new OtaError('KEY_INVALID', `${name}: is not a key in PEM form`, [GENERATE_HINT]);
  if (begins.length > 1) {
    throw new OtaError('KEY_INVALID', `${name}: holds ${begins.length} PEM blocks, expected one key`, [
      'Put each key into a file of its own.',
    ]);
  }
  const begin = begins[0]!;
  const label = begin[1]!;
  const body = text.slice(begin.index + begin[0].length);
  const end = body.indexOf(`-----END ${label}-----`);
  if (end < 0) throw new OtaError('KEY_INVALID', `${name}: the PEM block has no END line, so it is cut short`);
  const isTest = TEST_KEY_MARK.test(text.slice(0, begin.index));
  const base64 = body.slice(0, end).replace(/\s+/g, '');
  const der = Buffer.from(base64, 'base64');
  // Legacy encrypted keys (RFC 1421 headers) land here as well: their header lines are no base64.
  if (der.toString('base64') !== base64) throw new OtaError('KEY_INVALID', `${name}: the PEM block is not base64`);
  return { label, der, isTest };
}

/** Writes one PEM block, with the line that marks a test key before it. */
export function encodePem({ label, der, isTest }: PemBlock): string {
  const base64 = der.toString('base64').replace(/(.{64})(?=.)/g, '$1\n');
  return `${isTest ? `${TEST_KEY_LINE}\n` : ''}-----BEGIN ${label}-----\n${base64}\n-----END ${label}-----\n`;
}

const GENERATE_HINT = 'Run `ota keys generate --out release` to make an Ed25519 key pair.';
