import * as z from 'zod/mini';

/**
 * What has to hold before the next stage begins, as it stands in a plan. Shares are percent, times seconds.
 */

const percent = z.number().check(z.minimum(0), z.maximum(100));
const seconds = z.number().check(z.minimum(0), z.maximum(366 * 86_400));
const sample = z.int().check(z.minimum(1), z.maximum(1e9));
const confidence = z.number().check(z.minimum(50), z.maximum(99.99));
/** What happens when the gate fails for good. */
const consequence = z.enum(['pause', 'abort']);

const success = z.strictObject({
  type: z.literal('success'),
  /** Share of devices that ended, stuck ones among them, which are known to be installed. */
  atLeastPercent: percent,
  /** One-sided confidence that the true share is that high (Clopper–Pearson). */
  confidencePercent: confidence,
  /** Share of the stage that has to have ended before it is judged at all. */
  completedPercent: percent,
});

const failure = z.strictObject({
  type: z.literal('failure'),
  /** Fails as soon as it is certain, with that confidence, that the true share is above. */
  atMostPercent: percent,
  confidencePercent: confidence,
  /** Devices that have to have ended before it can fail. */
  minimumSample: sample,
  otherwise: consequence,
});

const stuck = z.strictObject({
  type: z.literal('stuck'),
  /** A device that was given the update and tells nothing for so long is stuck: it counts as failed (hawkbit#693). */
  afterSeconds: seconds,
  atMostPercent: percent,
  otherwise: consequence,
});

const soak = z.strictObject({
  type: z.literal('soak'),
  /** How long all other gates have to hold, without a break. */
  seconds,
});

const health = z.strictObject({
  type: z.literal('health'),
  /** `errorRate < 1%`, `offline < 5%`, `p95(latencyMs) < 250`, `p95(latencyMs) < 120% of control` */
  rule: z.string().check(z.minLength(1), z.maxLength(256)),
  /** Only what came in so recently counts. */
  windowSeconds: seconds,
  /** Devices, or messages, that must have told something. */
  minimumSample: sample,
  otherwise: consequence,
});

/** Name of an environment variable that holds a bearer token. A plan is reviewed and sent around: the token is never in it. */
export const tokenEnv = z.string().check(z.regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'expected the name of a variable'));

const text = (maxLength: number) => z.string().check(z.minLength(1), z.maxLength(maxLength));

const probe = z.strictObject({
  type: z.literal('probe'),
  url: text(2_048),
  /** RFC 6901 pointer into the JSON of the answer, of which `rule` speaks; absent: status 200 is enough. */
  pointer: z.optional(z.string().check(z.maxLength(512))),
  /** `< 0.01`, `== "ok"`, of the value that `pointer` names. */
  rule: z.optional(text(128)),
  /** For the address alone, and only where a campaign runs on this machine. */
  tokenEnv: z.optional(tokenEnv),
  timeoutSeconds: z.number().check(z.minimum(0.1), z.maximum(300)),
  everySeconds: seconds,
  otherwise: consequence,
});

const command = z.strictObject({
  type: z.literal('command'),
  /** Run without a shell; 0 advances, 75 (EX_TEMPFAIL) holds, everything else fails. */
  argv: z.array(z.string().check(z.maxLength(4_096))).check(z.minLength(1), z.maxLength(64)),
  timeoutSeconds: z.number().check(z.minimum(0.1), z.maximum(3_600)),
  everySeconds: seconds,
  otherwise: consequence,
});

const approval = z.strictObject({ type: z.literal('approval') });

export const gateSpec = z.discriminatedUnion('type', [success, failure, stuck, soak, health, probe, command, approval]);
export type GateSpec = z.output<typeof gateSpec>;
export type GateType = GateSpec['type'];
export type GateOf<T extends GateType> = Extract<GateSpec, { type: T }>;
