import * as z from 'zod/mini';
import { parseDuration } from '../../core/duration.js';
import { OtaError } from '../../core/errors.js';
import { checkSchema } from '../../core/schema.js';
import { parseStrictYaml } from '../../core/strict-yaml.js';

/** Size limit of a model, bytes. */
export const MODEL_MAX_BYTES = 64 * 1024;
export const MODEL_MAX_DEVICES = 10_000_000;

/** `5%`: a bare number would leave open whether it means 5 or 500 percent. Read as 0 to 1. */
const share = z.pipe(
  z
    .union([z.string(), z.number()], 'expected a share such as 5%')
    .check(z.refine((given) => shareOf(given) !== undefined, 'expected a share from 0% to 100%, such as 5%')),
  z.transform((given) => shareOf(given)!),
);

function shareOf(given: string | number): number | undefined {
  const [, digits] = /^(\d{1,3}(?:\.\d{1,9})?) ?%$/.exec(String(given)) ?? [];
  const percent = given === 0 ? 0 : Number(digits);
  return percent >= 0 && percent <= 100 ? percent / 100 : undefined;
}

/** `90s`, `4h`, `2d`. Read as seconds. */
const duration = z.pipe(
  z
    .string('expected a duration such as 90s, 4h or 2d')
    .check(
      z.refine((text) => secondsOf(text) !== undefined, 'expected a duration of up to 366 days, such as 90s, 4h or 2d'),
    ),
  z.transform((text) => secondsOf(text)!),
);

function secondsOf(text: string): number | undefined {
  try {
    const seconds = parseDuration(text) / 1000;
    return seconds <= 366 * 86_400 ? seconds : undefined;
  } catch (error) {
    if (error instanceof OtaError) return undefined;
    throw error;
  }
}

const durationRange = z
  .tuple([duration, duration])
  .check(z.refine(([from, to]) => from <= to, 'expected the shorter time first'));

const modelName = z.string().check(z.minLength(1), z.maxLength(256));
const number = z.number().check(z.minimum(-1e15), z.maximum(1e15));

const fleetModel = z.strictObject({
  /** Absent: as many as the plan has. */
  devices: z.optional(z.int().check(z.minimum(1), z.maximum(MODEL_MAX_DEVICES))),
  /** Time between two polls of a device. */
  poll: z._default(duration.check(z.refine((seconds) => seconds > 0, 'expected a time above 0')), 300),
  offline: z._default(
    z.strictObject({
      /** Of devices, when they are given the update. */
      share: z._default(share, 0.05),
      /** From … to: how long they stay away, short times as likely as long ones on a logarithmic scale. */
      for: z._default(durationRange, [600, 172_800]),
    }),
    { share: 0.05, for: [600, 172_800] },
  ),
  /** From the poll to the report, log-normal: download, installation, restart. */
  update: z._default(
    z
      .strictObject({ median: duration, p95: duration })
      .check(z.refine(({ median, p95 }) => median > 0 && p95 >= median, 'expected 0 < median ≤ p95')),
    { median: 240, p95: 900 },
  ),
  failures: z._default(
    z.strictObject({
      /** Of devices that try it. */
      share: z._default(share, 0.01),
      /** Instead, by model. */
      models: z._default(z.record(modelName, share), {}),
    }),
    { share: 0.01, models: {} },
  ),
  /** Devices that begin and then say nothing more. */
  stuck: z._default(share, 0.001),
  /** Devices that report success and turn bad afterwards: what a soak time is for. */
  late: z._default(
    z.strictObject({
      share: z._default(share, 0),
      /** From … to, each as likely. */
      after: z._default(durationRange, [7_200, 43_200]),
      /** Of those that turn bad: they are not heard of any more, instead of telling of errors. */
      silent: z._default(share, 0),
    }),
    { share: 0, after: [7_200, 43_200], silent: 0 },
  ),
  telemetry: z._default(
    z.strictObject({
      messagesPerHour: z._default(z.number().check(z.minimum(0), z.maximum(36_000)), 12),
      /** Share of messages that tell of an error: of devices without the update, with it, and of those that turned bad. */
      errors: z._default(
        z.strictObject({
          before: z._default(share, 0.001),
          after: z._default(share, 0.001),
          bad: z._default(share, 0.3),
        }),
        { before: 0.001, after: 0.001, bad: 0.3 },
      ),
      /** By path in the telemetry: what its rule measures on devices without and with the update. */
      metrics: z._default(z.record(modelName, z.strictObject({ before: number, after: number })), {}),
    }),
    { messagesPerHour: 12, errors: { before: 0.001, after: 0.001, bad: 0.3 }, metrics: {} },
  ),
  /** How long somebody takes to approve a stage that waits for nothing else. */
  approval: z._default(duration, 14_400),
  /** How often the campaign looks. */
  observe: z._default(duration.check(z.refine((seconds) => seconds >= 1, 'expected 1s or more')), 30),
});

/** What a virtual fleet is like. Shares are 0 to 1, times seconds. */
export type FleetModel = z.output<typeof fleetModel>;

/** What everything is that a model does not say. */
export const DEFAULT_MODEL: FleetModel = z.parse(fleetModel, {});

/**
 * @param bytes YAML, or JSON
 * @param name  of the file, for messages
 * @throws OtaError CONFIG_INVALID, LIMIT_EXCEEDED
 */
export async function parseFleetModel(bytes: Uint8Array, name: string): Promise<FleetModel> {
  const value = await parseStrictYaml(bytes, { name, maxBytes: MODEL_MAX_BYTES });
  return checkSchema(fleetModel, value ?? {}, { code: 'CONFIG_INVALID', name });
}

/** A share as somebody types it: `5%`. @throws OtaError USAGE */
export function parseShare(text: string): number {
  const parsed = shareOf(text);
  if (parsed !== undefined) return parsed;
  throw new OtaError('USAGE', `"${text}" is no share`, [
    'Write a number from 0 to 100 with a percent sign, such as 5%.',
  ]);
}
