import { createSecureContext } from 'node:tls';
import { OtaError } from '../core/errors.js';
import { readBounded } from '../core/file-access.js';
import { escapeText } from '../core/text.js';
import type { HttpPolicy } from './http-policy.js';

const MAX_PEM_BYTES = 1024 ** 2;

/**
 * What this machine shows a server that asks who it is.
 *
 * @throws OtaError CONFIG_INVALID: one of the files is missing, unreadable, or they do not belong together; the key is not
 *   repeated
 */
export async function readClientCertificate({
  clientCertFile,
  clientKeyFile,
}: HttpPolicy): Promise<{ cert: Buffer; key: Buffer } | undefined> {
  if (clientCertFile === undefined && clientKeyFile === undefined) return undefined;
  if (clientCertFile === undefined || clientKeyFile === undefined) {
    throw new OtaError('CONFIG_INVALID', 'a client certificate needs two files: the certificate and its private key');
  }
  const cert = await readBounded(clientCertFile, MAX_PEM_BYTES, 'PEM file');
  const key = await readBounded(clientKeyFile, MAX_PEM_BYTES, 'PEM file');
  try {
    createSecureContext({ cert, key });
    return { cert, key };
  } catch (error) {
    throw new OtaError(
      'CONFIG_INVALID',
      `${escapeText(clientCertFile)} and ${escapeText(clientKeyFile)} are no certificate and its private key`,
      ['Give PEM files, the key without a passphrase.'],
      // OpenSSL names what it could not read, never what it read.
      { cause: error },
    );
  }
}
