import type { EXIT_STATUS } from '../../core/errors.js';
import { OtaError } from '../../core/errors.js';

/** A request that the server does not fulfil, in words for whoever sent it. */
export class ServerFailure extends Error {
  override readonly name = 'ServerFailure';
  readonly status: number;
  /** Stable, upper case: part of the interface of /api/v1. */
  readonly code: string;
  readonly suggestions: readonly string[];
  readonly headers: Readonly<Record<string, string>>;

  /**
   * @param status  HTTP status, 400 or above
   * @param message one sentence: the fact, got against expected
   */
  constructor(
    status: number,
    code: string,
    message: string,
    { suggestions = [], headers = {} }: { suggestions?: readonly string[]; headers?: Record<string, string> } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.suggestions = suggestions;
    this.headers = headers;
  }
}

export function notFound(what: string): ServerFailure {
  return new ServerFailure(404, 'NOT_FOUND', `there is no ${what}`);
}

export function badRequest(message: string): ServerFailure {
  return new ServerFailure(400, 'BAD_REQUEST', message);
}

export function conflict(message: string, suggestions: readonly string[] = []): ServerFailure {
  return new ServerFailure(409, 'CONFLICT', message, { suggestions });
}

type Status = (typeof EXIT_STATUS)[keyof typeof EXIT_STATUS];

/** How a failure of a library is told over HTTP, by its exit status. */
const HTTP_STATUS: Partial<Record<Status, number>> = {
  2: 400,
  3: 422,
  4: 422,
  5: 422,
  6: 500,
  7: 502,
  8: 409,
  9: 413,
  15: 403,
  16: 404,
};

/** What a request ends with when it threw `error`; undefined for what nobody foresaw. */
export function serverFailureOf(error: unknown): ServerFailure | undefined {
  if (error instanceof ServerFailure) return error;
  if (!(error instanceof OtaError)) return undefined;
  if (error.code === 'JSON_INVALID') return new ServerFailure(400, error.code, error.message);
  if (error.code === 'NO_SPACE') return diskFull();
  const status = HTTP_STATUS[error.exitCode];
  if (status === undefined) return undefined;
  return new ServerFailure(status, error.code, error.message, { suggestions: error.suggestions });
}

/** Where the disk is full is the administrator's business; whoever sent it keeps it and comes again. */
function diskFull(): ServerFailure {
  return new ServerFailure(507, 'NO_SPACE', 'the server has no space left to keep this', {
    suggestions: ['Send it again later.'],
    headers: { 'retry-after': '10' },
  });
}
