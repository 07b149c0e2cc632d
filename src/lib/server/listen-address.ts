import { OtaError } from '../core/errors.js';
import { ioError, systemCode } from '../core/io-error.js';
import { escapeText } from '../core/text.js';

export interface ListenAddress {
  /** Name or address; `::` for every address of the machine. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

/**
 * Where to listen: `127.0.0.1:8080`, `[::1]:8080`, and for every address of the machine `:8080`.
 *
 * @throws OtaError USAGE
 */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new OtaError('USAGE', `"${escapeText(text)}" is no address to listen on`, [
      'Write HOST:PORT such as 127.0.0.1:8080, or :8080 for every address of this machine.',
    ]);
  }
  return { host: match[1] ?? (match[2] || '::'), port };
}

/** Why nothing can listen there, in words for whoever started the server. */
export function listenFailure(error: unknown, { host, port }: ListenAddress, flag: string): OtaError {
  const name = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const cause = { cause: error };
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return new OtaError(
        'NETWORK_FAILED',
        `${name}: another program listens there`,
        [`Choose another port with ${flag}.`],
        cause,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new OtaError(
        'NETWORK_FAILED',
        `${name}: this machine has no such address`,
        [`Choose another one with ${flag}.`],
        cause,
      );
    case 'EACCES':
      return new OtaError(
        'PERMISSION_DENIED',
        `${name}: only root may listen on ports below 1024`,
        [`Choose a higher port with ${flag}.`],
        cause,
      );
    default:
      return ioError(error, name);
  }
}
