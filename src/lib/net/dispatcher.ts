import { createSecureContext } from 'node:tls';
import { type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { OtaError } from '../core/errors.js';
import { readBounded } from '../core/file-access.js';
import { type HttpPolicy, limitsOf } from './http-policy.js';

const MAX_PEM_BYTES = 4 * 1024 * 1024;

/** Opens the connections a policy describes: proxies, certificate authority, revocation lists, timeouts. */
export async function openDispatcher(policy: HttpPolicy): Promise<Dispatcher> {
  const limits = limitsOf(policy);
  const tls = {
    ...(policy.caFile === undefined ? {} : { ca: await pemOf(policy.caFile, 'ca', 'CERTIFICATE') }),
    ...(policy.crlFile === undefined ? {} : { crl: await pemOf(policy.crlFile, 'crl', 'X509 CRL') }),
  };
  return new EnvHttpProxyAgent({
    // An empty string means "none"; leaving one out would make the agent read this process's environment.
    httpProxy: policy.httpProxy ?? '',
    httpsProxy: policy.httpsProxy ?? '',
    noProxy: policy.noProxy ?? '',
    connect: { ...tls, timeout: limits.connectTimeoutMs },
    requestTls: { ...tls, timeout: limits.connectTimeoutMs },
    proxyTls: { ...tls, timeout: limits.connectTimeoutMs },
    allowH2: false,
    headersTimeout: limits.idleTimeoutMs,
    bodyTimeout: limits.idleTimeoutMs,
  });
}

/** Reads a PEM file and makes sure that TLS can use it: a file of authorities that holds none would go unnoticed. */
async function pemOf(path: string, option: 'ca' | 'crl', label: string): Promise<Buffer> {
  const pem = await readBounded(path, MAX_PEM_BYTES, 'PEM file');
  try {
    if (!pem.includes(`-----BEGIN ${label}-----`)) throw new Error('no such block');
    createSecureContext({ [option]: pem });
    return pem;
  } catch (error) {
    throw new OtaError('CONFIG_INVALID', `${path}: holds no readable PEM block "${label}"`, [], { cause: error });
  }
}
