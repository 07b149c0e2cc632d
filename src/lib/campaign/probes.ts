import type { Readable } from 'node:stream';
import { abortError, throwIfAborted } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import { parseStrictJson } from '../core/strict-json.js';
import { escapeText } from '../core/text.js';
import { AttemptFailure, connectionFailure } from '../net/attempt-failure.js';
import { openDispatcher } from '../net/dispatcher.js';
import { type Answer, exchange } from '../net/exchange.js';
import type { HttpPolicy } from '../net/http-policy.js';
import { printableUrl } from '../net/source-url.js';
import type { GateOf } from '../rollout/gate-spec.js';
import type { ProbeResult } from '../rollout/observation.js';
import { judgeProbe, parseProbeRule } from '../rollout/probe-rule.js';
import { bearerToken, type Secrets } from './bearer-token.js';
import { atPointer } from './json-pointer.js';

export interface ProbeOptions {
  readonly policy: HttpPolicy;
  /** What `tokenEnv` of a gate names; absent: nothing. */
  readonly secrets?: Secrets;
  /** Origins that may be asked; absent: all. Attack: whoever may write a plan makes a server fetch inside its network. */
  readonly mayReach?: (origin: string) => boolean;
  readonly signal?: AbortSignal | undefined;
}

/** An answer is read up to here. */
const MAX_ANSWER_BYTES = 1024 ** 2;
const MAX_REDIRECTS = 3;
/** With nothing to read in the answer: the service itself says that it is not well. Other statuses come from what is before it. */
const UNWELL = new Set([500, 503]);

/**
 * Asks a probe once.
 *
 * - without a pointer: status 200 is good, 500 and 503 are bad;
 * - with one: status 200 and a value that the rule holds of is good, one that it does not hold of is bad.
 *
 * Everything else is no answer: `holds` where the value is missing, `failed` where nobody could be asked.
 *
 * @throws OtaError INTERRUPTED, TERMINATED when `signal` is raised; nothing else
 */
export async function askProbe(gate: GateOf<'probe'>, options: ProbeOptions): Promise<ProbeResult> {
  throwIfAborted(options.signal);
  const url = URL.parse(gate.url);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    return { outcome: 'failed', said: 'the address of the probe is none that can be asked' };
  }
  const source = escapeText(printableUrl(url));
  if (options.mayReach?.(url.origin) === false) {
    return { outcome: 'failed', said: `${source}: this server may not ask ${escapeText(url.origin)}` };
  }
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), gate.timeoutSeconds * 1000);
  try {
    const signal = options.signal === undefined ? timeout.signal : AbortSignal.any([timeout.signal, options.signal]);
    const { outcome, said } = await answerOf(url, gate, { ...options, signal });
    return { outcome, said: `${source}: ${said}` };
  } catch (error) {
    if (options.signal?.aborted) throw abortError(options.signal);
    if (timeout.signal.aborted) {
      return { outcome: 'failed', said: `${source}: no answer within ${gate.timeoutSeconds} s` };
    }
    const reason = error instanceof AttemptFailure ? error.reason : error;
    if (reason instanceof OtaError) return { outcome: 'failed', said: reason.message };
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function answerOf(
  url: URL,
  gate: GateOf<'probe'>,
  { policy, secrets, signal }: ProbeOptions,
): Promise<ProbeResult> {
  const credential = gate.tokenEnv === undefined ? policy.credential : bearerToken(url, gate.tokenEnv, secrets);
  const dispatcher = await openDispatcher(policy);
  try {
    const answer = await exchange(url, {
      dispatcher,
      headers: { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'ota-fleet' },
      credential,
      redirects: MAX_REDIRECTS,
      staysAtOrigin: true,
      signal,
    });
    return await judged(answer, gate, url);
  } finally {
    await dispatcher.destroy();
  }
}

async function judged({ status, body }: Answer, gate: GateOf<'probe'>, url: URL): Promise<ProbeResult> {
  if (gate.pointer === undefined || gate.rule === undefined) {
    if (status === 200) return { outcome: 'good', said: 'status 200' };
    return { outcome: UNWELL.has(status) ? 'bad' : 'failed', said: `status ${status}, 200 is asked for` };
  }
  if (status !== 200) return { outcome: 'failed', said: `status ${status}, no value to judge` };
  const bytes = await readAll(body, url);
  if (bytes === undefined) return { outcome: 'failed', said: `answers with more than ${MAX_ANSWER_BYTES} bytes` };
  const value = atPointer(parseStrictJson(bytes, { name: 'the answer', maxBytes: MAX_ANSWER_BYTES }), gate.pointer);
  if (value === undefined) return { outcome: 'holds', said: `nothing at ${escapeText(gate.pointer)}` };
  return judgeProbe(parseProbeRule(gate.rule), value);
}

/** @returns undefined: it is too large */
async function readAll(body: Readable, url: URL): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_ANSWER_BYTES) return undefined;
      chunks.push(chunk);
    }
  } catch (error) {
    throw connectionFailure(error, printableUrl(url));
  }
  return Buffer.concat(chunks, size);
}
