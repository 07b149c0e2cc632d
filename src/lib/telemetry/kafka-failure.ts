import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';

/** Names of the errors of Kafka's protocol, as in Kafka's list of error codes. */
export type KafkaErrorName = string;

/** A later attempt, perhaps with another broker, may succeed. */
const PASSING = new Set<KafkaErrorName>([
  'BROKER_NOT_AVAILABLE',
  'CONCURRENT_TRANSACTIONS',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'FENCED_LEADER_EPOCH',
  'KAFKA_STORAGE_ERROR',
  'LEADER_NOT_AVAILABLE',
  'NETWORK_EXCEPTION',
  'NOT_COORDINATOR',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'NOT_LEADER_OR_FOLLOWER',
  'OFFSET_NOT_AVAILABLE',
  'REPLICA_NOT_AVAILABLE',
  'REQUEST_TIMED_OUT',
  'THROTTLING_QUOTA_EXCEEDED',
  'UNKNOWN_LEADER_EPOCH',
  'UNSTABLE_OFFSET_COMMIT',
]);

/** Another producer took over the transactional id, or the coordinator ended the transaction for its age. */
const FENCED = new Set<KafkaErrorName>([
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
  'INVALID_TXN_STATE',
  'PRODUCER_FENCED',
  'TRANSACTION_COORDINATOR_FENCED',
]);

const TLS_CODE =
  /^(CERT_|CRL_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|ERROR_IN_C|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED|HOSTNAME_MISMATCH|EPROTO)/;

/** The client's errors nest as causes and as lists; this visits all of them, the outermost first. */
export function* nestedErrors(error: unknown, depth = 0): Generator<Record<string, unknown>> {
  if (typeof error !== 'object' || error === null || depth > 8) return;
  yield error as Record<string, unknown>;
  const { cause, errors } = error as { cause?: unknown; errors?: unknown };
  if (Array.isArray(errors)) for (const inner of errors) yield* nestedErrors(inner, depth + 1);
  yield* nestedErrors(cause, depth + 1);
}

/** The protocol's errors that a failure carries; none for one of the connection. */
export function kafkaErrorNames(error: unknown): KafkaErrorName[] {
  return [...nestedErrors(error)].map(({ apiId }) => apiId).filter((name) => typeof name === 'string');
}

/** Whether the transaction of this producer belongs to another one now. */
export function isFenced(error: unknown): boolean {
  return kafkaErrorNames(error).some((name) => FENCED.has(name));
}

export function isUnknownTopic(error: unknown): boolean {
  return kafkaErrorNames(error).includes('UNKNOWN_TOPIC_OR_PARTITION');
}

/** Whether the same request may succeed later. Anything about the connection may, but for a refused login or certificate. */
export function isPassing(error: unknown): boolean {
  if (error instanceof OtaError) return false;
  const names = kafkaErrorNames(error);
  if (names.length > 0) return names.every((name) => PASSING.has(name));
  return refusedConnection(error) === undefined && [...nestedErrors(error)].some(({ code }) => isConnectionCode(code));
}

function isConnectionCode(code: unknown): boolean {
  return code === 'PLT_KFK_NETWORK' || code === 'PLT_KFK_TIMEOUT';
}

function refusedConnection(error: unknown): 'login' | 'tls' | undefined {
  for (const { code, message } of nestedErrors(error)) {
    if (code === 'PLT_KFK_AUTHENTICATION') return 'login';
    if (typeof code === 'string' && TLS_CODE.test(code)) return 'tls';
    if (code === 'PLT_KFK_USER' && typeof message === 'string' && /TLS/.test(message)) return 'tls';
  }
  return undefined;
}

/**
 * Names what a cluster refused.
 *
 * @param what what was asked for, for example `kafka topic telemetry`
 */
export function kafkaFailure(error: unknown, what: string): OtaError {
  if (error instanceof OtaError) return error;
  const names = kafkaErrorNames(error);
  const cause = { cause: error };
  const refused = refusedConnection(error);
  if (refused === 'login' || names.includes('SASL_AUTHENTICATION_FAILED')) {
    return new OtaError('AUTHENTICATION_FAILED', `${what}: the broker refused the login`, LOGIN_HELP, cause);
  }
  if (refused === 'tls') {
    return new OtaError(
      'TLS_FAILED',
      `${what}: the broker's certificate or its TLS was refused`,
      ['Write kafkas:// for a listener with TLS and kafka:// for one without.', 'Name a private authority with --ca.'],
      cause,
    );
  }
  const denied = names.find((name) => name.endsWith('AUTHORIZATION_FAILED'));
  if (denied !== undefined) {
    return new OtaError('PERMISSION_DENIED', `${what}: the broker denies it (${denied})`, ACL_HELP, cause);
  }
  if (isFenced(error)) {
    return new OtaError(
      'LOCKED',
      `${what}: another worker took this output over, or a transaction stood open for too long (${names.join(', ')})`,
      ['Stop the other one; what this one had not committed was not written.'],
      cause,
    );
  }
  if (isUnknownTopic(error)) {
    return new OtaError('NOT_FOUND', `${what}: the cluster has no such topic`, ['Create the topic first.'], cause);
  }
  if (names.includes('MESSAGE_TOO_LARGE') || names.includes('RECORD_LIST_TOO_LARGE')) {
    return new OtaError(
      'LIMIT_EXCEEDED',
      `${what}: a message is larger than the topic accepts`,
      ['Raise max.message.bytes of the topic to 1100000.'],
      cause,
    );
  }
  if (names.length > 0) {
    return new OtaError('BROKER_REFUSED', `${what}: the broker answered ${names.join(', ')}`, [], cause);
  }
  const all = [...nestedErrors(error)];
  if (all.some(({ code }) => isConnectionCode(code))) {
    return new OtaError(
      'NETWORK_FAILED',
      `${what}: no broker could be reached (${escapeText(connectionFact(error))})`,
      ['Check the address, and that the advertised listeners of the brokers can be reached from here.'],
      cause,
    );
  }
  const fact = escapeText(String(all.at(-1)?.message));
  return new OtaError('BROKER_REFUSED', `${what}: the broker's answer cannot be read (${fact})`, [], cause);
}

const LOGIN_HELP = ['Check the user name, the password and the mechanism.'];
const ACL_HELP = ['Grant the user Read on the input and its group, Write on the output and its transactional id.'];

/** The system's code of the innermost failure, or the client's words. */
function connectionFact(error: unknown): string {
  const all = [...nestedErrors(error)];
  const code = all.findLast((each) => typeof each.code === 'string' && !each.code.startsWith('PLT_'))?.code;
  return String(code ?? all.at(-1)?.message);
}
