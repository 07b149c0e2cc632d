import { OtaError } from '../core/errors.js';

/** One attempt failed in a way that another one may mend. `reason` is what to report when none is left. */
export class AttemptFailure extends Error {
  readonly reason: OtaError;
  /** Throw away what was received: it may belong to other content. */
  readonly restart: boolean;
  /** What the server asked for with Retry-After, milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(reason: OtaError, { restart = false, retryAfterMs }: { restart?: boolean; retryAfterMs?: number } = {}) {
    super(reason.message, { cause: reason });
    this.reason = reason;
    this.restart = restart;
    this.retryAfterMs = retryAfterMs;
  }
}

const TRANSIENT = new Set([
  'EAI_AGAIN',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ETIMEDOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_SOCKET',
]);

/** Codes of OpenSSL's certificate checks and of TLS itself, as node:tls reports them. */
const TLS_CODE =
  /^(CERT_|CRL_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|ERROR_IN_C|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_|PATH_LENGTH_|EPROTO)/;

/**
 * Names what went wrong on the connection.
 *
 * @param error  whatever the HTTP client threw
 * @param source the address as it may be printed
 * @returns an AttemptFailure for what may pass, an OtaError TLS_FAILED or NETWORK_FAILED for what will not
 */
export function connectionFailure(error: unknown, source: string): AttemptFailure | OtaError {
  const code = codeOf(error);
  if (TLS_CODE.test(code)) {
    return new OtaError('TLS_FAILED', `${source}: the server's certificate or its TLS was refused (${code})`, [
      'Check the host name and the date of this machine.',
      'For a private certificate authority set OTA_CA_FILE to its PEM file.',
    ]);
  }
  const reason = new OtaError('NETWORK_FAILED', `${source}: the connection failed (${code})`, [
    'Check the address, the network and the proxy settings (HTTPS_PROXY, NO_PROXY).',
  ]);
  return TRANSIENT.has(code) ? new AttemptFailure(reason) : reason;
}

function codeOf(error: unknown): string {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  // A proxy tunnel wraps the failure of the target's TLS.
  if (cause instanceof Error && 'code' in cause) return codeOf(cause);
  return typeof code === 'string' ? code : 'unknown failure';
}
