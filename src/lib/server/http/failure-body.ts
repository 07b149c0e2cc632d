import type { ServerFailure } from './server-failure.js';

/** How a failure is written: hawkBit's way on hawkBit's paths, ours on our own. */
export function failureBody(failure: ServerFailure, url: string): object {
  const { code, message, suggestions } = failure;
  if (url.startsWith('/api/')) return { error: { code, message, suggestions } };
  return {
    exceptionClass: 'org.eclipse.hawkbit.rest.exception.MessageNotReadableException',
    errorCode: HAWKBIT_CODES[failure.status] ?? 'hawkbit.server.error.internal',
    message,
    info: { code, suggestions },
  };
}

/** The closest of hawkBit's own codes. */
const HAWKBIT_CODES: Readonly<Record<number, string>> = {
  400: 'hawkbit.server.error.rest.body.notReadable',
  401: 'hawkbit.server.error.authentication',
  403: 'hawkbit.server.error.insufficientpermission',
  404: 'hawkbit.server.error.repo.entitiyNotFound',
  409: 'hawkbit.server.error.repo.entitiyAlreayExists',
  413: 'hawkbit.server.error.quota.fileSizeExceeded',
  429: 'hawkbit.server.error.quota.tooManyEntries',
};
