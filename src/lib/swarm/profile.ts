import * as z from 'zod/mini';
import { checkSchema } from '../core/schema.js';
import { parseStrictJson } from '../core/strict-json.js';
import { componentName, productName, semver } from '../package/metadata.js';

/** Size limit of a profile, bytes. */
export const PROFILE_MAX_BYTES = 1024 * 1024;

const share = z.number().check(z.minimum(0), z.maximum(1));
const weight = z._default(z.number().check(z.minimum(0), z.maximum(1e9)), 1);
const seconds = z.number().check(z.minimum(0), z.maximum(365 * 86_400));
const name = z.string().check(z.minLength(1), z.maxLength(128));
/** From … to, drawn for each device or occasion. */
const secondsRange = z
  .tuple([seconds, seconds])
  .check(z.refine(([from, to]) => from <= to, 'expected the smaller number first'));
const bytesPerSecond = z.number().check(z.minimum(1), z.maximum(1e12));
const rateRange = z
  .tuple([bytesPerSecond, bytesPerSecond])
  .check(z.refine(([from, to]) => from <= to, 'expected the smaller number first'));
const choices = <T extends z.core.$ZodType>(choice: T) => z.array(choice).check(z.minLength(1), z.maxLength(1000));

/** How an update can go wrong, each with the share of updates that end so. The rest succeeds. */
const failures = z.strictObject({
  /** Told `rejected`: the device has better things to do. */
  rejected: z.optional(share),
  /** The download ends for good in the middle. */
  download: z.optional(share),
  /** What was downloaded is not what was announced. */
  verification: z.optional(share),
  /** The new version does not start; the device goes back and reports it. */
  boot: z.optional(share),
  /** The new version starts but is not confirmed in time; the device goes back and reports it. */
  confirm: z.optional(share),
  /** Told `proceeding`, and then nothing more. */
  stuck: z.optional(share),
});

const override = z.strictObject({
  /** What the update brings, or what the device runs when it sends telemetry. */
  version: z.optional(name),
  model: z.optional(name),
  hardwareRevision: z.optional(name),
  /** Short for `failures.boot`. */
  fail: z.optional(share),
  failures: z.optional(failures),
  /** Share of telemetry messages that tell of an error. */
  errors: z.optional(share),
});

const telemetry = z.strictObject({
  perMinute: z._default(z.number().check(z.minimum(0), z.maximum(60_000)), 1),
  errors: z._default(share, 0.001),
  /** Share of messages that are sent a second time under the same id. */
  duplicates: z._default(share, 0.006),
});

const version = z
  .strictObject({
    /** Absent: that of the package. */
    version: z.optional(semver),
    weight,
    /** File of the release that runs, relative to the profile: images, sequence, counter and the rest are as it says. */
    package: z.optional(z.string().check(z.minLength(1))),
    /** Image file by component, relative to the profile; a component without one is an empty slot. */
    images: z._default(z.record(componentName, z.string().check(z.minLength(1))), {}),
    /** Number of the running release; with it goes the rollback protection of a package. */
    sequence: z.optional(z.int().check(z.minimum(0))),
    securityCounter: z._default(z.int().check(z.minimum(0), z.maximum(2 ** 32 - 1)), 0),
  })
  .check(
    z.refine((given) => given.version !== undefined || given.package !== undefined, 'expected a version or a package'),
    z.refine((given) => given.package === undefined || saysNothing(given), {
      error: 'images, sequence and securityCounter are those of its package',
    }),
  );

/** Beside its package. */
function saysNothing(given: { images: object; sequence?: number | undefined; securityCounter: number }): boolean {
  return Object.keys(given.images).length === 0 && given.sequence === undefined && given.securityCounter === 0;
}

const profile = z.strictObject({
  product: z._default(productName, 'virtual-device'),
  models: z._default(choices(z.strictObject({ model: name, hardwareRevision: z.optional(name), weight })), [
    { model: 'V1', weight: 1 },
  ]),
  versions: z._default(choices(version), [{ version: '1.0.0', weight: 1, images: {}, securityCounter: 0 }]),
  components: z._default(z.array(componentName).check(z.minLength(1), z.maxLength(32)), ['app']),
  poll: z._default(
    z.strictObject({
      /** Instead of what the server asks for. */
      seconds: z.optional(seconds.check(z.minimum(0.1))),
      /** Share of the sleep by which a device comes earlier or later. */
      jitter: z._default(share, 0.1),
      /** Time over which devices come for the first time. */
      startSeconds: z._default(seconds, 10),
    }),
    { jitter: 0.1, startSeconds: 10 },
  ),
  download: z._default(
    z.strictObject({
      /** As fast as it goes when it is left out. */
      bytesPerSecond: z.optional(rateRange),
      /** Share of downloads whose connection is cut once, to be resumed. */
      cut: z._default(share, 0),
    }),
    { cut: 0 },
  ),
  /** From the end of an installation to the report about it. */
  rebootSeconds: z._default(secondsRange, [1, 5]),
  /** After it, a version that nobody confirmed is given up. */
  confirmSeconds: z._default(seconds, 30),
  /** Share of requests for a confirmation that are turned down. */
  denied: z._default(share, 0),
  offline: z._default(
    z.strictObject({
      /** Chance at each poll that a device is gone afterwards. */
      chance: z._default(share, 0),
      seconds: z._default(secondsRange, [60, 600]),
    }),
    { chance: 0, seconds: [60, 600] },
  ),
  failures: z._default(failures, {}),
  /** What is different for a version or a kind of device; later ones win. */
  overrides: z._default(z.array(override).check(z.maxLength(1000)), []),
  telemetry: z._default(telemetry, { perMinute: 1, errors: 0.001, duplicates: 0.006 }),
});

/** What a swarm is made of and how it behaves. Shares are from 0 to 1. */
export type SwarmProfile = z.output<typeof profile>;
export type ProfileVersion = SwarmProfile['versions'][number];
export type FailureShares = z.output<typeof failures>;

/** What everything is that a profile does not tell. */
export const DEFAULT_PROFILE: SwarmProfile = z.parse(profile, {});

/**
 * @param raw  strict JSON
 * @param name of the file, for messages
 * @throws OtaError JSON_INVALID, LIMIT_EXCEEDED; CONFIG_INVALID for a member that is unknown or out of its range
 */
export function parseProfile(raw: Uint8Array, name: string): SwarmProfile {
  const value = parseStrictJson(raw, { name, maxBytes: PROFILE_MAX_BYTES });
  const parsed: SwarmProfile = checkSchema(profile, value, { code: 'CONFIG_INVALID', name });
  checkShares(parsed, name);
  return parsed;
}

/** Ends of an update exclude each other, so that their shares cannot be more than the whole. */
function checkShares({ failures, overrides }: SwarmProfile, name: string): void {
  const all = [{ where: 'failures', shares: failures }];
  for (const [index, { fail, failures: own }] of overrides.entries()) {
    all.push({
      where: `overrides[${index}]`,
      shares: { ...failures, ...(fail !== undefined && { boot: fail }), ...own },
    });
  }
  for (const { where, shares } of all) {
    const sum = Object.values(shares).reduce((total: number, part) => total + (part ?? 0), 0);
    const whole = z.number().check(z.maximum(1 + Number.EPSILON * 8, 'the shares of failures are more than 1 in all'));
    checkSchema(whole, sum, { code: 'CONFIG_INVALID', name: `${name}: ${where}` });
  }
}
