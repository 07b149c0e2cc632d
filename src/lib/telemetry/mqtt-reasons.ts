import { OtaError } from '../core/errors.js';
import { AttemptFailure } from '../net/attempt-failure.js';

/** Reason codes of MQTT 5.0, section 2.4. What a broker writes beside them is not shown: it may repeat a password. */
const REASONS: Readonly<Record<number, string>> = {
  128: 'unspecified error',
  129: 'malformed packet',
  130: 'protocol error',
  131: 'implementation specific error',
  132: 'unsupported protocol version',
  133: 'client identifier not valid',
  134: 'bad user name or password',
  135: 'not authorized',
  136: 'server unavailable',
  137: 'server busy',
  138: 'banned',
  139: 'server shutting down',
  140: 'bad authentication method',
  141: 'keep alive timeout',
  142: 'session taken over',
  143: 'topic filter invalid',
  144: 'topic name invalid',
  147: 'receive maximum exceeded',
  149: 'packet too large',
  150: 'message rate too high',
  151: 'quota exceeded',
  152: 'administrative action',
  153: 'payload format invalid',
  156: 'use another server',
  157: 'server moved',
  158: 'shared subscriptions not supported',
  159: 'connection rate exceeded',
  160: 'maximum connect time',
  162: 'wildcard subscriptions not supported',
};

const TRANSIENT = new Set([0x88, 0x89, 0x8b, 0x8d, 0x96, 0x97, 0x98, 0x9f, 0xa0]);
const AUTHENTICATION = new Set([0x86, 0x87, 0x8a, 0x8c]);
const NOT_AUTHORIZED = 0x87;
const UNSUPPORTED_VERSION = 0x84;
const CLIENT_IDENTIFIER = 0x85;
const SESSION_TAKEN_OVER = 0x8e;

/** Return codes of MQTT 3.1.1, section 3.2.2.3, as reason codes. */
const RETURN_CODES: readonly number[] = [0, UNSUPPORTED_VERSION, CLIENT_IDENTIFIER, 0x88, 0x86, NOT_AUTHORIZED];

/** The reason code of a CONNACK. One of 3.1.1 is how an older broker answers MQTT 5.0; it ends below 0x80. */
export function connackReason({ reasonCode, returnCode }: { reasonCode?: number; returnCode?: number }): number {
  const code = reasonCode ?? returnCode ?? 0;
  return code < 0x80 ? (RETURN_CODES[code] ?? 0x80) : code;
}

export function refusesVersion(reason: number): boolean {
  return reason === UNSUPPORTED_VERSION;
}

/** The broker did not let this client in. */
export function connectionRefused(reason: number, broker: string): AttemptFailure | OtaError {
  const fact = `${broker}: the broker refuses the connection (${nameOf(reason)})`;
  if (AUTHENTICATION.has(reason)) {
    return new OtaError('AUTHENTICATION_FAILED', fact, ['Check the user name and the password given for this broker.']);
  }
  const suggestion =
    reason === CLIENT_IDENTIFIER ? 'Name the client with ?client=NAME.' : 'Ask the operator of the broker.';
  const refused = new OtaError('BROKER_REFUSED', fact, [suggestion]);
  return TRANSIENT.has(reason) ? new AttemptFailure(refused) : refused;
}

/** The broker ended a connection that stood. */
export function disconnected(reason: number, broker: string): AttemptFailure | OtaError {
  if (reason === SESSION_TAKEN_OVER) {
    return new OtaError('BROKER_REFUSED', `${broker}: another client connected under the same name`, [
      'Stop the other one, or give this one a name of its own with ?client=NAME.',
    ]);
  }
  if (reason === NOT_AUTHORIZED) return notAuthorized(`${broker}: the broker ended the connection`);
  const ended = new OtaError('BROKER_REFUSED', `${broker}: the broker ended the connection (${nameOf(reason)})`, [
    'Ask the operator of the broker.',
  ]);
  return reason < 0x80 || TRANSIENT.has(reason) ? new AttemptFailure(ended) : ended;
}

/** The broker did not take a subscription or a message; `what` says which, from `mqtt://…` on. */
export function requestRefused(reason: number, what: string): AttemptFailure | OtaError {
  if (reason === NOT_AUTHORIZED) return notAuthorized(what);
  const refused = new OtaError('BROKER_REFUSED', `${what} (${nameOf(reason)})`, ['Ask the operator of the broker.']);
  return TRANSIENT.has(reason) ? new AttemptFailure(refused) : refused;
}

function notAuthorized(what: string): OtaError {
  return new OtaError('PERMISSION_DENIED', `${what} (${nameOf(NOT_AUTHORIZED)})`, [
    'Ask the operator of the broker for access to the topic.',
  ]);
}

function nameOf(reason: number): string {
  return REASONS[reason] ?? `reason 0x${reason.toString(16).padStart(2, '0')}`;
}
