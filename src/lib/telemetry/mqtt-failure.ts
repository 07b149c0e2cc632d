import { formatByteSize } from '../core/byte-size.js';
import { OtaError } from '../core/errors.js';
import { AttemptFailure, connectionFailure } from '../net/attempt-failure.js';

/** What goes wrong below the reason codes of MQTT. `broker` is its address as it may be printed. */

export function networkFailure(broker: string, fact: string): AttemptFailure {
  const suggestion = 'Check host and port, and that the broker runs.';
  return new AttemptFailure(new OtaError('NETWORK_FAILED', `${broker}: ${fact}`, [suggestion]));
}

/** Unlike downloads, a refused connection is no reason to give up: a broker that is restarted is away for a while. */
export function socketFailure(error: Error, broker: string): AttemptFailure | OtaError {
  const failure = connectionFailure(error, broker);
  if (failure instanceof OtaError && failure.code === 'TLS_FAILED') {
    return new OtaError('TLS_FAILED', failure.message, [
      'Check the host name and the date of this machine.',
      'For a private certificate authority give its PEM file with --ca.',
    ]);
  }
  const { code } = error as NodeJS.ErrnoException;
  return networkFailure(broker, `the connection failed (${code ?? 'unknown failure'})`);
}

/** The next connection may go better: bytes get lost on the way, brokers are replaced. */
export function noMqtt(broker: string, fact: string): AttemptFailure {
  const suggestion = 'Check that host and port are those of a broker.';
  return new AttemptFailure(new OtaError('NETWORK_FAILED', `${broker}: ${fact}`, [suggestion]));
}

export function acknowledgesNothing(broker: string): OtaError {
  const fact = 'the broker knows quality of service 0 only, which acknowledges nothing';
  return new OtaError('BROKER_REFUSED', `${broker}: ${fact}`, ['Use another broker.']);
}

export function packetTooLarge(broker: string, limitBytes: number): OtaError {
  const limit = formatByteSize(limitBytes);
  return new OtaError('LIMIT_EXCEEDED', `${broker}: the broker sends a packet of more than ${limit}`, [
    'Limit the size of messages at the broker (message_size_limit of Mosquitto), or publish smaller ones.',
  ]);
}
