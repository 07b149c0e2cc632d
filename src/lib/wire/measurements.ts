import * as z from 'zod/mini';

/**
 * `POST /api/v1/measurements`: one number that tells how a choice of devices is, from what they sent and whether they are
 * there. It changes nothing. Needs telemetry:read.
 */

/** Of each list of a choice. A stage that is given slowly is made of one rollout for each part. */
export const MEASUREMENT_MAX_ROLLOUTS = 10_000;
export const MEASUREMENT_MAX_NAMES = 1_000;

const uint = z.int().check(z.minimum(0));
const id = z.int().check(z.minimum(1));
const text = (maxLength: number) => z.string().check(z.minLength(1), z.maxLength(maxLength));

export const measured = z.discriminatedUnion('kind', [
  /** Share of messages that tell of an error, percent. What such a message is: docs/telemetry-messages.md. */
  z.strictObject({ kind: z.literal('errorRate') }),
  /** Share of devices that are offline now, percent. */
  z.strictObject({ kind: z.literal('offline') }),
  /** Of a number in telemetry, by its path from the top of the message: `["battery","level"]`. */
  z.strictObject({
    kind: z.literal('metric'),
    path: z.array(text(128)).check(z.minLength(1), z.maxLength(16)),
    /** From 0 to 1, nearest rank; or the mean. */
    quantile: z.union([z.number().check(z.minimum(0), z.maximum(1)), z.literal('mean')]),
  }),
]);

/** Devices of any of these. */
export const deviceParts = z.strictObject({
  /** Numbers of rollouts: the devices that they were made for. */
  rollouts: z._default(z.array(id).check(z.maxLength(MEASUREMENT_MAX_ROLLOUTS)), []),
  /** Names of tags. */
  tags: z._default(z.array(text(256)).check(z.maxLength(MEASUREMENT_MAX_NAMES)), []),
});
export type DeviceParts = z.output<typeof deviceParts>;

export const measurementRequest = z.strictObject({
  of: measured,
  /** Only what came in since then, by the server's clock. Milliseconds since 1970. */
  since: uint,
  /** FIQL; empty: all devices of the tenant. */
  where: z._default(z.string().check(z.maxLength(16 * 1024)), ''),
  /** Only these of them. Absent: all of them. */
  among: z.optional(deviceParts),
  /** None of these: a control group. */
  outside: z.optional(deviceParts),
  /** Number of a distribution set: only devices that have it installed, and of each only what came in since it has. */
  installedSetId: z.optional(id),
});
export type MeasurementRequest = z.input<typeof measurementRequest>;

export const measurementAnswer = z.object({
  /** Null: nobody told anything. */
  value: z.nullable(z.number()),
  /** On how many it stands: devices for `offline`, otherwise messages. */
  sample: uint,
  /** That were chosen. */
  devices: uint,
  /** There was more than is looked at at once: it stands on a part, evenly drawn over the devices. */
  isPartial: z.boolean(),
});
export type MeasurementAnswer = z.output<typeof measurementAnswer>;
