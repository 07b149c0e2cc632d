import { randomBytes } from 'node:crypto';
import { type Dispatcher, request } from 'undici';
import { abortError } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import { AttemptFailure, connectionFailure } from '../net/attempt-failure.js';
import type { Pacing } from '../net/pacing.js';
import { repeatAttempts } from '../net/repeated-attempts.js';
import { retryAfterMs } from '../net/retry-delay.js';

export interface RegisterOptions {
  /** Where the server is, without a path. */
  server: URL;
  /** Of an operator who may create devices. */
  authorization: string;
  dispatcher: Dispatcher;
  time: Pacing;
  signal: AbortSignal;
  onProgress(registered: number): void;
}

/** hawkBit takes more at once, but then one that exists already costs more. */
const BATCH = 500;
const RETRIES = { attempts: 5, retryDelayMs: 500, retryAfterLimitMs: 60_000 };
const ANSWER_BYTES = 4 * 1024 * 1024;

/**
 * Makes devices known to a server by hawkBit's Management API, each with a new token. Devices that exist already
 * get a new token.
 *
 * @returns token by device
 * @throws OtaError AUTHENTICATION_FAILED, PERMISSION_DENIED, HTTP_STATUS, NETWORK_FAILED, TLS_FAILED
 */
export async function registerDevices(
  ids: readonly string[],
  options: RegisterOptions,
): Promise<ReadonlyMap<string, string>> {
  const tokens = new Map(ids.map((id) => [id, randomBytes(24).toString('base64url')]));
  const targetOf = (id: string) => ({ controllerId: id, name: id, securityToken: tokens.get(id)! });
  for (let from = 0; from < ids.length; from += BATCH) {
    const batch = ids.slice(from, from + BATCH);
    const status = await send('POST', '/rest/v1/targets', batch.map(targetOf), options);
    // One of them exists: the server has taken none.
    if (status === 409) for (const id of batch) await registerOne(targetOf(id), options);
    options.onProgress(from + batch.length);
  }
  return tokens;
}

async function registerOne(target: { controllerId: string; securityToken: string }, options: RegisterOptions) {
  const status = await send('POST', '/rest/v1/targets', [target], options);
  if (status !== 409) return;
  const { controllerId, securityToken } = target;
  await send('PUT', `/rest/v1/targets/${encodeURIComponent(controllerId)}`, { securityToken }, options);
}

async function send(method: 'POST' | 'PUT', path: string, body: object, options: RegisterOptions): Promise<number> {
  const { time, signal } = options;
  return await repeatAttempts(() => sendOnce(method, path, body, options), { limits: RETRIES, pacing: time, signal });
}

async function sendOnce(
  method: 'POST' | 'PUT',
  path: string,
  body: object,
  { server, authorization, dispatcher, time, signal }: RegisterOptions,
): Promise<number> {
  const name = server.origin;
  try {
    const answer = await request(new URL(path, server), {
      method,
      dispatcher,
      signal,
      headers: { authorization, 'content-type': 'application/json', accept: 'application/json, application/hal+json' },
      body: JSON.stringify(body),
    });
    await answer.body.dump({ limit: ANSWER_BYTES });
    const { statusCode: status, headers } = answer;
    if (status < 300 || status === 409) return status;
    const refusal = refused(name, status);
    if (status === 429 || status >= 500) {
      const [asked] = [headers['retry-after']].flat();
      throw new AttemptFailure(refusal, { retryAfterMs: retryAfterMs(asked, time.now()) });
    }
    throw refusal;
  } catch (error) {
    if (signal.aborted) throw abortError(signal);
    if (error instanceof OtaError || error instanceof AttemptFailure) throw error;
    throw connectionFailure(error, name);
  }
}

function refused(name: string, status: number): OtaError {
  const fact = `${name}: the server answers the registration of devices with ${status}`;
  if (status === 401) {
    return new OtaError('AUTHENTICATION_FAILED', fact, ['Check --token-env, or --username and --password-env.']);
  }
  if (status === 403) return new OtaError('PERMISSION_DENIED', fact, ['Ask for the right to create devices.']);
  return new OtaError('HTTP_STATUS', fact, ['Check that the address is that of a hawkBit server or of `fleet serve`.']);
}
