import { request } from 'undici';
import { abortError, throwIfAborted } from '../core/abort.js';
import { OtaError } from '../core/errors.js';
import { AttemptFailure, connectionFailure } from '../net/attempt-failure.js';
import { openDispatcher } from '../net/dispatcher.js';
import type { HttpPolicy } from '../net/http-policy.js';
import type { Pacing } from '../net/pacing.js';
import { repeatAttempts } from '../net/repeated-attempts.js';
import { retryAfterMs } from '../net/retry-delay.js';
import { printableUrl } from '../net/source-url.js';
import type { StageFigures, StageVerdict } from '../rollout/observation.js';
import { bearerToken, type Secrets } from './bearer-token.js';

export const DECISION_SPEC = 'ota-rollout-decision/1';

/** The body of a webhook: a decision of the gates of a stage. */
export interface DecisionNotice {
  readonly spec: typeof DECISION_SPEC;
  /** The same for each delivery of this decision, so that a second one can be told: campaign, and number in its journal. */
  readonly id: string;
  readonly campaign: string;
  readonly planDigest: string;
  readonly product: string;
  readonly version: string;
  readonly stage: { readonly place: number; readonly name: string };
  readonly decision: StageVerdict['decision'];
  /** One sentence with the figures. */
  readonly reason: string;
  readonly figures: StageFigures;
  readonly gates: StageVerdict['gates'];
  /** RFC 3339 */
  readonly time: string;
}

export interface WebhookOptions {
  readonly policy: HttpPolicy;
  readonly pacing: Pacing;
  /** Name of the variable that holds a bearer token; absent: none is sent. */
  readonly tokenEnv?: string | undefined;
  readonly secrets?: Secrets;
  /** As for probes. */
  readonly mayReach?: (origin: string) => boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Four attempts with what lies between them take about a minute at most. */
const LIMITS = { attempts: 4, retryDelayMs: 1_000, retryAfterLimitMs: 10_000 };
const SILENCE_MS = 8_000;
const TRANSIENT = new Set([408, 425, 429, 500, 502, 503, 504]);

/**
 * Tells a webhook of a decision: POST, JSON, any 2xx is enough. A campaign never waits for it longer than about a minute,
 * and never fails by it: the caller writes down what this throws.
 *
 * @throws OtaError HTTP_STATUS, NETWORK_FAILED, TLS_FAILED, REDIRECT_REFUSED, CONFIG_INVALID, PERMISSION_DENIED;
 *   INTERRUPTED, TERMINATED
 */
export async function postDecision(address: string, notice: DecisionNotice, options: WebhookOptions): Promise<void> {
  const url = URL.parse(address);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new OtaError('CONFIG_INVALID', 'the address of the webhook is none that can be told anything');
  }
  const source = printableUrl(url);
  if (options.mayReach?.(url.origin) === false) {
    throw new OtaError('PERMISSION_DENIED', `${source}: this server may not reach ${url.origin}`);
  }
  const { policy, pacing, tokenEnv, signal } = options;
  const own = policy.credential?.origin === url.origin ? policy.credential : undefined;
  const credential = tokenEnv === undefined ? own : bearerToken(url, tokenEnv, options.secrets);
  const limits = { ...policy.limits, connectTimeoutMs: SILENCE_MS, idleTimeoutMs: SILENCE_MS };
  const dispatcher = await openDispatcher({ ...policy, limits });
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'ota-fleet',
    'idempotency-key': notice.id,
    ...(credential && { authorization: `Bearer ${credential.token}` }),
  };
  const attempt = async () => {
    throwIfAborted(signal);
    const answer = await request(url, {
      method: 'POST',
      dispatcher,
      headers,
      body: JSON.stringify(notice),
      signal: signal ?? null,
    }).catch((error: unknown): never => {
      if (signal?.aborted) throw abortError(signal);
      throw connectionFailure(error, source);
    });
    answer.body.on('error', () => undefined).destroy(); // nothing in it is asked for
    const asked = retryAfterMs(oneOf(answer.headers['retry-after']), pacing.now());
    checkAnswer(answer.statusCode, source, asked);
  };
  try {
    await repeatAttempts(attempt, { limits: LIMITS, pacing, signal });
  } finally {
    await dispatcher.destroy();
  }
}

function checkAnswer(status: number, source: string, retryAfter: number | undefined): void {
  if (status >= 200 && status < 300) return;
  if (status >= 300 && status < 400) {
    // A decision is for whoever the plan names.
    throw new OtaError('REDIRECT_REFUSED', `${source}: the webhook was redirected (${status})`);
  }
  const reason = new OtaError('HTTP_STATUS', `${source}: the webhook answered ${status}, 2xx was expected`);
  throw TRANSIENT.has(status) ? new AttemptFailure(reason, { retryAfterMs: retryAfter }) : reason;
}

function oneOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
