import * as z from 'zod/mini';
import { OtaError } from '../core/errors.js';
import { checkSchema } from '../core/schema.js';
import { componentName, semver } from '../package/metadata.js';
import { ROOT_MAX_KEYS } from '../trust/root.js';
import type { BootControl, BootSet } from './boot-control.js';
import { contentOf, own } from './boot-facts.js';
import { componentLayout, type Layout, physicalSlots, slotName } from './layout.js';

/** Releases that a device remembers, the one that runs included. */
export const MAX_RELEASES = 16;
/** Longest reason of an event, UTF-16 code units: one hash mismatch for each of 16 components. */
const MAX_REASON_LENGTH = 4096;

const UINT32_MAX = 2 ** 32 - 1;
/** Beyond that from 1970 there are no dates (ECMA-262, section 21.4.1.1), milliseconds. */
const MAX_TIME_MS = 8.64e15;

const uint = z.int().check(z.minimum(0));
const uint32 = uint.check(z.maximum(UINT32_MAX));
const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/, 'expected 64 lowercase hex digits'));
/** Printable ASCII, as every semantic version is. */
const version = z.string().check(z.regex(/^[!-~]{1,256}$/, 'expected a version'));
const time = z.iso.datetime({ offset: true }).check(z.maxLength(64));

const bootSet = z.strictObject({ release: sha256, slots: z.record(componentName, slotName) });

const record = z.strictObject({
  digest: sha256,
  version,
  sequence: uint,
  securityCounter: uint32,
  images: z.record(componentName, sha256),
  versions: z.optional(z.record(componentName, version)),
  createdAt: z.optional(time),
  rollback: z.optional(z.strictObject({ allowed: z.boolean(), minVersion: z.optional(semver) })),
  releaseKeyids: z.optional(z.array(sha256).check(z.maxLength(ROOT_MAX_KEYS))),
  factory: z.optional(z.boolean()),
});

const event = z.strictObject({
  type: z.enum([
    'initialised',
    'installing',
    'activated',
    'boot-attempt',
    'watchdog',
    'confirmed',
    'reverted',
    'fell-back',
    'swapping',
    'swapped',
  ]),
  time,
  release: sha256,
  version,
  reason: z.optional(z.string().check(z.maxLength(MAX_REASON_LENGTH))),
});

const bootControl = z.strictObject({
  sequence: uint32,
  event,
  active: bootSet,
  trial: z.optional(
    z.extend(bootSet, {
      intent: z.enum(['install', 'rollback']),
      record,
      attemptsLeft: z.int().check(z.minimum(0), z.maximum(255)),
      timeoutSeconds: uint,
      startedAt: z.optional(z.int().check(z.minimum(-MAX_TIME_MS), z.maximum(MAX_TIME_MS))),
    }),
  ),
  swap: z.optional(z.strictObject({ component: componentName, id: uint32 })),
  slots: z.record(
    componentName,
    z.record(slotName, z.strictObject({ version, size: z.int().check(z.minimum(1)), sha256, release: sha256 })),
  ),
  releases: z.array(record).check(z.minLength(1), z.maxLength(MAX_RELEASES)),
  securityCounter: uint32,
  timeFloor: z.optional(time),
  trustRoot: z.strictObject({ version: z.int().check(z.minimum(1)), sha256 }),
  epoch: uint,
});

/**
 * Checks that a value is a state this device can be in: of the right form, and with no part that
 * contradicts another or the layout. What decides about booting is never guessed from half of it.
 *
 * @throws OtaError DEVICE_STATE_LOST
 */
export function checkBootControl(value: unknown, layout: Layout, name: string): BootControl {
  const control: BootControl = checkSchema(bootControl, value, { code: 'DEVICE_STATE_LOST', name });
  const problem = contradictionIn(control, layout);
  if (problem !== undefined) throw new OtaError('DEVICE_STATE_LOST', `${name}: ${problem}`);
  return control;
}

function contradictionIn(control: BootControl, layout: Layout): string | undefined {
  const { active, trial, swap, releases, sequence } = control;
  const digests = releases.map(({ digest }) => digest);
  if (new Set(digests).size !== digests.length) return 'releases holds one twice';
  if (!digests.includes(active.release)) return 'releases lacks the active one';
  if (trial !== undefined && trial.record.digest !== trial.release) return 'trial.record is of another release';
  for (const { images, versions } of [...releases, ...(trial ? [trial.record] : [])]) {
    const stray = Object.keys({ ...images, ...versions }).find(
      (component) => componentLayout(layout, component) === undefined,
    );
    if (stray !== undefined) return `releases: the device has no component ${stray}`;
  }
  if (swap !== undefined) {
    if (componentLayout(layout, swap.component)?.slots.length !== 1) {
      return `swap: ${swap.component} is no component whose images are exchanged`;
    }
    if (swap.id > sequence) return `swap: began at commit ${swap.id}, this is ${sequence}`;
  }
  return (
    contradictionInSlots(control, layout) ??
    strayInSet('active', control, active, layout) ??
    (trial && strayInSet('trial', control, trial, layout))
  );
}

function contradictionInSlots({ slots }: BootControl, layout: Layout): string | undefined {
  for (const [component, contents] of Object.entries(slots)) {
    const known = componentLayout(layout, component);
    if (known === undefined) return `slots: the device has no component ${component}`;
    const places = physicalSlots(known);
    for (const [slot, { size }] of Object.entries(contents)) {
      if (!places.includes(slot)) return `slots: component ${component} has no slot ${slot}`;
      if (size > known.slotBytes) return `slots: ${component}.${slot} holds ${size} bytes, it has ${known.slotBytes}`;
    }
  }
  return undefined;
}

/** A set must name an image that is there for every component of the device, and nothing else. */
function strayInSet(what: string, control: BootControl, set: BootSet, layout: Layout): string | undefined {
  for (const component of Object.keys(layout.components)) {
    const slot = own(set.slots, component);
    if (slot === undefined) return `${what}: has no slot for component ${component}`;
    if (contentOf(control, component, slot) === undefined)
      return `${what}: slot ${component}.${slot} holds no complete image`;
  }
  const stray = Object.keys(set.slots).find((component) => componentLayout(layout, component) === undefined);
  return stray === undefined ? undefined : `${what}: the device has no component ${stray}`;
}
