import type { ServerFailure } from './server-failure.js';

/** How a failure is written: hawkBit's way on hawkBit's paths, ours on our own. */
export function failureBody(failure: ServerFailure, url: string): object {
  const { code, status, message, suggestions } = failure;
  if (url.startsWith('/api/')) return { error: { code, message, suggestions } };
  const [errorCode, exceptionClass] = BY_CODE[code] ?? BY_STATUS[status] ?? UNKNOWN;
  return {
    exceptionClass: `org.eclipse.hawkbit.${exceptionClass}`,
    errorCode: `hawkbit.server.error.${errorCode}`,
    message,
    info: { code, suggestions },
  };
}

/** hawkBit's code and the class it comes from; clients look at the code. */
type Hawkbit = readonly [errorCode: string, exceptionClass: string];

const UNKNOWN: Hawkbit = ['internal', 'exception.GenericSpServerException'];
const NOT_CANCELABLE: Hawkbit = ['action.notcancelable', 'repository.exception.CancelActionNotAllowedException'];
const QUOTA: Hawkbit = ['quota.tooManyEntries', 'repository.exception.AssignmentQuotaExceededException'];

const BY_CODE: Readonly<Record<string, Hawkbit>> = {
  USAGE: ['repo.constraintViolation', 'repository.exception.ConstraintViolationException'],
  BODY_MISSING: ['rest.body.notReadable', 'rest.exception.MessageNotReadableException'],
  JSON_INVALID: ['rest.body.notReadable', 'rest.exception.MessageNotReadableException'],
  ROLLOUT_STATE: ['rollout.illegalState', 'repository.exception.RolloutIllegalStateException'],
  ROLLOUT_UNVERIFIED: ['rollout.verificationFailed', 'repository.exception.RolloutVerificationException'],
  SET_INCOMPLETE: ['distributionset.incomplete', 'repository.exception.IncompleteDistributionSetException'],
  SET_INVALIDATED: ['distributionset.invalid', 'repository.exception.InvalidDistributionSetException'],
  SET_YANKED: ['distributionset.invalid', 'repository.exception.InvalidDistributionSetException'],
  NOT_CANCELABLE,
};

/** The closest of hawkBit's own. */
const BY_STATUS: Readonly<Record<number, Hawkbit>> = {
  400: ['repo.constraintViolation', 'repository.exception.ConstraintViolationException'],
  401: ['authentication', 'exception.InsufficientAuthenticationException'],
  403: ['insufficientpermission', 'repository.exception.InsufficientPermissionException'],
  404: ['repo.entitiyNotFound', 'repository.exception.EntityNotFoundException'],
  405: NOT_CANCELABLE,
  409: ['repo.entitiyAlreayExists', 'repository.exception.EntityAlreadyExistsException'],
  413: ['quota.fileSizeExceeded', 'repository.exception.FileSizeQuotaExceededException'],
  415: ['rest.body.notReadable', 'rest.exception.MessageNotReadableException'],
  422: ['artifact.uploadFailed', 'repository.exception.ArtifactUploadFailedException'],
  423: ['entityLocked', 'repository.exception.LockedException'],
  429: QUOTA,
};
