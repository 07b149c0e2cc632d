import * as z from 'zod/mini';
import { gateSpec, tokenEnv } from './gate-spec.js';

/**
 * A plan: everything that is decided before the first device is touched. What is not in it cannot happen.
 * Times are RFC 3339, sizes bytes.
 */

export const PLAN_SPEC = 'ota-rollout/1';
/** A plan for half a million devices. */
export const PLAN_MAX_BYTES = 64 * 1024 ** 2;
export const PLAN_MAX_STAGES = 100;
export const PLAN_MAX_DEVICES = 1_000_000;

const text = (maxLength: number) => z.string().check(z.minLength(1), z.maxLength(maxLength));
const uint = z.int().check(z.minimum(0));
const percent = z.number().check(z.minimum(0), z.maximum(100));
const time = z.iso.datetime({ offset: true });
const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/, 'expected 64 lowercase hex digits'));
/** Names what the campaign makes at the server, too. */
export const campaignName = z
  .string()
  .check(z.regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'expected at most 63 of a–z, 0–9, ".", "_" and "-"'));

/** Something that a server can give devices: hawkBit's distribution set, Mender's artifact, the document of a job. */
export const softwareRef = z.strictObject({
  /** As the server calls it. */
  id: text(256),
  name: text(256),
  version: text(256),
  /** SHA-256 of the package's metadata, where the server knows it. */
  digest: z.nullable(sha256),
});
export type SoftwareRef = z.output<typeof softwareRef>;

/** Devices that are told apart in nothing that matters here. */
const cohort = z.strictObject({
  model: z.nullable(text(256)),
  /** What they run, as far as the server knows; null: unknown. */
  version: z.nullable(text(256)),
  /** What they go back to on a rollback; null: nothing that the server could give them. */
  previous: z.nullable(softwareRef),
  /** Why `previous` is null, or why they are expected to refuse to go back; null: they can. */
  cannotReturn: z.nullable(text(512)),
  /** `delta`: from what they run; `full`; `unknown`: the server decides and does not tell. */
  delivery: z.enum(['delta', 'full', 'unknown']),
  /** That each of them downloads. */
  bytes: uint,
  devices: uint,
});
export type Cohort = z.output<typeof cohort>;

/** Opens again and again: devices install only then. */
export const maintenanceWindow = z.strictObject({
  /** Quartz cron, six or seven fields. */
  schedule: text(128),
  /** `HH:MM:SS` */
  duration: z.string().check(z.regex(/^\d{2}:\d{2}:\d{2}$/, 'expected HH:MM:SS')),
  /** `+01:00` */
  timezone: z.string().check(z.regex(/^[+-]\d{2}:\d{2}$/, 'expected an offset such as +01:00')),
});
export type MaintenanceWindow = z.output<typeof maintenanceWindow>;

/** How fast a stage is given to its devices. Absent: at once. */
export const rateLimit = z.strictObject({
  devicesPerMinute: z.number().check(z.minimum(0.01), z.maximum(1e6)),
  /** Each time as many devices as are given so far have ended well, the rate is multiplied by this; 1: it stays. */
  growth: z.number().check(z.minimum(1), z.maximum(5)),
});
export type RateLimit = z.output<typeof rateLimit>;

const stage = z.strictObject({
  name: text(64),
  /** Not before; null: as soon as the stage before it has passed. */
  startAt: z.nullable(time),
  window: z.nullable(maintenanceWindow),
  rate: z.nullable(rateLimit),
  gates: z.array(gateSpec).check(z.maxLength(32)),
  /** At the server, of the stage's devices: it stops by itself when more have failed, whoever watches. */
  errorThresholdPercent: percent,
  /** Device and its place in `cohorts`, in the order in which they are given the update. */
  devices: z.array(z.tuple([text(256), uint])).check(z.minLength(1), z.maxLength(PLAN_MAX_DEVICES)),
});
export type PlanStage = z.output<typeof stage>;

/**
 * Why a device that matches the target is in no stage. `current`: has the package already; `refused`: by its policy;
 * `busy`: on its way to something else; `later`: the stages end before it.
 */
export const LEFT_OUT_REASONS = ['excluded', 'held', 'current', 'refused', 'busy', 'later'] as const;
const leftOut = z.strictObject({
  reason: z.enum(LEFT_OUT_REASONS),
  /** One sentence, the same for all of them. */
  detail: text(512),
  devices: z.array(text(256)),
});
export type LeftOut = z.output<typeof leftOut>;

export const rolloutPlan = z.strictObject({
  spec: z.literal(PLAN_SPEC),
  name: campaignName,
  createdAt: time,
  server: z.strictObject({ driver: z.enum(['fleet', 'hawkbit']), address: text(2_048) }),
  package: z.strictObject({
    digest: sha256,
    product: text(128),
    version: text(128),
    sequence: uint,
    securityCounter: uint,
    filename: text(256),
    bytes: uint,
    expiresAt: z.nullable(time),
  }),
  target: z.strictObject({
    /** FIQL. */
    where: z.string().check(z.maxLength(16 * 1024)),
    /** FIQL; null: none. */
    exclude: z.nullable(z.string().check(z.maxLength(16 * 1024))),
    /** SHA-256 of the names of the devices of all stages in ascending order of code units, each with a line feed. */
    devicesSha256: sha256,
  }),
  /** By which devices were put into stages. */
  seed: uint,
  cohorts: z.array(cohort).check(z.minLength(1)),
  stages: z.array(stage).check(z.minLength(1), z.maxLength(PLAN_MAX_STAGES)),
  leftOut: z.array(leftOut),
  onAbort: z.enum(['stop', 'rollback']),
  /** Share of devices that may be new, gone or changed when it starts. */
  allowedDriftPercent: percent,
  /** Told of each decision of a gate; null: nobody. */
  webhook: z.nullable(text(2_048)),
  /** As `tokenEnv` of a probe. */
  webhookTokenEnv: z.optional(tokenEnv),
  /** What the planner did that nobody asked for, a sentence each. */
  notes: z.array(text(1_024)).check(z.maxLength(256)),
  forecast: z.strictObject({
    downloadBytes: uint,
    /** From start to the end of the last stage, seconds: soak times, rates and start times, with what is said of devices. */
    seconds: z.number().check(z.minimum(0)),
  }),
});
export type RolloutPlan = z.output<typeof rolloutPlan>;
