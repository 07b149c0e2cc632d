import { type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { readClientCertificate } from './client-certificate.js';
import { type HttpPolicy, limitsOf } from './http-policy.js';
import { readPem } from './pem-file.js';

/**
 * Opens the connections a policy describes: proxies, certificate authority, revocation lists, timeouts.
 *
 * @param connections to one origin, at most; absent: as many as there are requests
 */
export async function openDispatcher(policy: HttpPolicy, connections?: number): Promise<Dispatcher> {
  const limits = limitsOf(policy);
  const tls = {
    ...(policy.caFile === undefined ? {} : { ca: await readPem(policy.caFile, 'ca', 'CERTIFICATE') }),
    ...(policy.crlFile === undefined ? {} : { crl: await readPem(policy.crlFile, 'crl', 'X509 CRL') }),
  };
  const own = { ...tls, ...(await readClientCertificate(policy)), timeout: limits.connectTimeoutMs };
  return new EnvHttpProxyAgent({
    // An empty string means "none"; leaving one out would make the agent read this process's environment.
    httpProxy: policy.httpProxy ?? '',
    httpsProxy: policy.httpsProxy ?? '',
    noProxy: policy.noProxy ?? '',
    connect: own,
    requestTls: own,
    proxyTls: { ...tls, timeout: limits.connectTimeoutMs },
    allowH2: false,
    ...(connections !== undefined && { connections }),
    headersTimeout: limits.idleTimeoutMs,
    bodyTimeout: limits.idleTimeoutMs,
  });
}
