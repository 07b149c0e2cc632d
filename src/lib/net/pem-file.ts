import { createSecureContext } from 'node:tls';
import { OtaError } from '../core/errors.js';
import { readBounded } from '../core/file-access.js';

const MAX_PEM_BYTES = 4 * 1024 * 1024;

/** Reads a PEM file and makes sure that TLS can use it: a file of authorities that holds none would go unnoticed. */
export async function readPem(path: string, option: 'ca' | 'crl', label: string): Promise<Buffer> {
  const pem = await readBounded(path, MAX_PEM_BYTES, 'PEM file');
  try {
    if (!pem.includes(`-----BEGIN ${label}-----`)) throw new Error('no such block');
    createSecureContext({ [option]: pem });
    return pem;
  } catch (error) {
    throw new OtaError('CONFIG_INVALID', `${path}: holds no readable PEM block "${label}"`, [], { cause: error });
  }
}
