import { OtaError } from '../core/errors.js';
import type { RetryLimits } from './retry-delay.js';

/** How patient a download is and how much it accepts. */
export interface HttpLimits extends RetryLimits {
  /** Time to open a connection, TLS included, milliseconds. */
  connectTimeoutMs: number;
  /** Longest silence of the server, before the headers and between two pieces of the body, milliseconds. */
  idleTimeoutMs: number;
  /** Slowest acceptable body, bytes a second, judged once every `rateWindowMs` of waiting. */
  minimumBytesPerSecond: number;
  rateWindowMs: number;
  /** Redirects followed for one request. */
  redirects: number;
}

const DEFAULT_HTTP_LIMITS: HttpLimits = {
  connectTimeoutMs: 10_000,
  idleTimeoutMs: 30_000,
  minimumBytesPerSecond: 512,
  rateWindowMs: 20_000,
  attempts: 5,
  redirects: 5,
  retryDelayMs: 500,
  retryAfterLimitMs: 60_000,
};

/** A bearer token and the one origin (`https://host:port`) that may see it. */
export interface HttpCredential {
  origin: string;
  token: string;
}

/** How this process talks HTTP. Everything is optional: `{}` is direct, public and anonymous. */
export interface HttpPolicy {
  /** Proxy addresses, for http and for https targets; `noProxy` is a comma separated list of host suffixes. */
  httpProxy?: string | undefined;
  httpsProxy?: string | undefined;
  noProxy?: string | undefined;
  /** PEM file of certificate authorities that replaces the public ones. */
  caFile?: string | undefined;
  /** PEM file of revocation lists, one for each authority of the chain. */
  crlFile?: string | undefined;
  /** PEM files of a certificate and its private key, which the server is shown; proxies are not. Both or none. */
  clientCertFile?: string | undefined;
  clientKeyFile?: string | undefined;
  credential?: HttpCredential | undefined;
  limits?: Partial<HttpLimits> | undefined;
}

export function limitsOf(policy: HttpPolicy): HttpLimits {
  return { ...DEFAULT_HTTP_LIMITS, ...policy.limits };
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The policy that environment variables describe: `HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY` (the lower case names win),
 * `OTA_CA_FILE`, `OTA_CRL_FILE`, and `OTA_HTTP_TOKEN` for `OTA_HTTP_TOKEN_ORIGIN` alone.
 *
 * @throws OtaError CONFIG_INVALID when a proxy or the token's origin is no http(s) address; values are not echoed
 */
export function httpPolicyFromEnvironment(env: Environment): HttpPolicy {
  const proxy = (name: string) => {
    const value = env[name.toLowerCase()] || env[name] || undefined;
    if (value !== undefined && httpUrl(value) === undefined) throw notAnAddress(name);
    return value;
  };
  return {
    httpProxy: proxy('HTTP_PROXY'),
    httpsProxy: proxy('HTTPS_PROXY'),
    noProxy: env.no_proxy || env.NO_PROXY || undefined,
    caFile: env.OTA_CA_FILE || undefined,
    crlFile: env.OTA_CRL_FILE || undefined,
    credential: credentialFrom(env),
  };
}

function credentialFrom(env: Environment): HttpCredential | undefined {
  const token = env.OTA_HTTP_TOKEN;
  if (!token) return undefined;
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new OtaError('CONFIG_INVALID', 'OTA_HTTP_TOKEN holds a character that an HTTP header cannot carry');
  }
  const url = httpUrl(env.OTA_HTTP_TOKEN_ORIGIN ?? '');
  if (url === undefined) throw notAnAddress('OTA_HTTP_TOKEN_ORIGIN');
  // A token in clear text is everybody's token; only this machine itself is exempt.
  if (url.protocol !== 'https:' && !isLoopback(url.hostname)) {
    throw new OtaError(
      'CONFIG_INVALID',
      'OTA_HTTP_TOKEN_ORIGIN is no https address, and a token is sent over TLS only',
      ['Use an https:// origin.'],
    );
  }
  return { origin: url.origin, token };
}

/** Whether a name or address, IPv6 in brackets, is this machine's own. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}

function httpUrl(value: string): URL | undefined {
  const url = URL.parse(value);
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : undefined;
}

function notAnAddress(name: string): OtaError {
  return new OtaError('CONFIG_INVALID', `${name} is not the address of an http or https server`, [
    `Set ${name} to something like https://host:8443.`,
  ]);
}
