import { OtaError } from '../core/errors.js';
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
