import { type ErrorCode, EXIT_STATUS, OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';

/** What a server says about a failure is shown up to here. */
const MAX_MESSAGE_LENGTH = 1_000;

/**
 * What an answer other than 2xx means for whoever asked.
 *
 * @param asked   what was asked for, as it may be printed: `GET https://host/api/v1/devices`
 * @param body    of the answer: our own form, hawkBit's, or anything
 */
export function clientFailure(status: number, body: unknown, asked: string): OtaError {
  const { code, message, suggestions } = told(body);
  const said = message === undefined ? '' : `: ${message}`;
  const failure = (errorCode: ErrorCode, next: string[]) =>
    new OtaError(
      errorCode,
      `${asked}: the server answers ${status}${said}`,
      suggestions.length > 0 ? suggestions : next,
    );
  if (status < 400) {
    return new OtaError('REDIRECT_REFUSED', `${asked}: the server answers ${status} and sends us elsewhere`, [
      'Use the address of the server itself; a page to log in to may stand in between.',
    ]);
  }
  // A quota is full until somebody makes room: asking again does not help (hawkBit tells both with 429).
  if (isQuota(body))
    return failure('LIMIT_EXCEEDED', ['Ask the operator of the server for a higher quota, or send less.']);
  // Our own server names the reason as the library does: a package it refuses ends as it would end here.
  if (code !== undefined && status === 422 && Object.hasOwn(EXIT_STATUS, code)) {
    return new OtaError(code as ErrorCode, message ?? asked, suggestions);
  }
  switch (status) {
    case 401:
      return failure('AUTHENTICATION_FAILED', ['Run `fleet login`, or check the token.']);
    case 403:
      return failure('PERMISSION_DENIED', ['Ask an administrator of the server for the role that allows it.']);
    case 404:
    case 410:
      return failure('NOT_FOUND', ['Check the name; `fleet whoami` tells which tenant you are in.']);
    case 409:
    case 423:
      return failure('CONFLICT', ['Look at what is there already.']);
    case 413:
      return failure('LIMIT_EXCEEDED', ['Send less at once.']);
    case 400:
    case 405:
    case 415:
    case 422:
      return failure('USAGE', ['Check what was typed.']);
    default:
      return failure('HTTP_STATUS', ['Try again later; the log of the server tells more.']);
  }
}

/** hawkBit's `hawkbit.server.error.quota.…` */
function isQuota(body: unknown): boolean {
  const { errorCode } = (body ?? {}) as { errorCode?: unknown };
  return typeof errorCode === 'string' && errorCode.startsWith('hawkbit.server.error.quota.');
}

interface Told {
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  readonly suggestions: string[];
}

/** Believed no more than any text from outside. */
function told(body: unknown): Told {
  const outer = (body ?? {}) as { error?: unknown };
  const { code, message, suggestions } = (typeof outer.error === 'object' && outer.error ? outer.error : outer) as {
    code?: unknown;
    message?: unknown;
    suggestions?: unknown;
  };
  return {
    code: typeof code === 'string' ? code : undefined,
    message: typeof message === 'string' ? shown(message) : undefined,
    suggestions: Array.isArray(suggestions) ? suggestions.filter((one) => typeof one === 'string').map(shown) : [],
  };
}

function shown(text: string): string {
  return escapeText(text.slice(0, MAX_MESSAGE_LENGTH));
}
