import { createSecureContext } from 'node:tls';
import { OtaError } from '../core/errors.js';
import { readBounded } from '../core/file-access.js';
import { escapeText } from '../core/text.js';

const MAX_PEM_BYTES = 1024 ** 2;

export interface TlsFiles {
  readonly key: Buffer;
  readonly cert: Buffer;
  /** Who may vouch for devices; without it no device is asked for a certificate. */
  readonly ca?: Buffer;
}

/**
 * Reads what TLS needs, and makes sure that it fits together before anything listens.
 *
 * @throws OtaError CONFIG_INVALID, NOT_FOUND, PERMISSION_DENIED
 */
export async function readTlsFiles(paths: { key: string; cert: string; clientCa?: string }): Promise<TlsFiles> {
  const [key, cert, ca] = await Promise.all(
    [paths.key, paths.cert, paths.clientCa].map((path) =>
      path === undefined ? undefined : readBounded(path, MAX_PEM_BYTES, 'PEM file'),
    ),
  );
  try {
    createSecureContext({ key, cert, ca });
  } catch (error) {
    const files = [paths.key, paths.cert, paths.clientCa].filter((path) => path !== undefined);
    throw new OtaError(
      'CONFIG_INVALID',
      `${files.map(escapeText).join(', ')}: TLS cannot use them: ${(error as Error).message}`,
      ['Give a PEM certificate chain, and the PEM private key that belongs to its first certificate.'],
      { cause: error },
    );
  }
  return { key: key!, cert: cert!, ...(ca && { ca }) };
}
