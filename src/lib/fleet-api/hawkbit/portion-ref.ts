import * as z from 'zod/mini';
import { checkSchema } from '../../core/schema.js';
import { parseStrictJson } from '../../core/strict-json.js';

const uint = z.int().check(z.minimum(0));

/** What a portion is at the server. Kept by campaigns as a text; short, since it stands in each journal. */
const portionRef = z.strictObject({
  /** Names its tag and its rollout. */
  name: z.string(),
  tag: uint,
  /** Distribution set. */
  set: uint,
  /** Devices it was made for. */
  devices: uint,
  /** Of them, those that had the set or were on their way to it, where the server does not tell that itself. */
  already: uint,
  /** The rollout, and its only group. */
  rollout: z.optional(z.strictObject({ id: uint, group: uint })),
  /** Assigned one by one instead: actions of it have higher numbers than `after`. */
  window: z.optional(z.strictObject({ after: uint, schedule: z.string(), duration: z.string(), timezone: z.string() })),
});
export type PortionRef = z.output<typeof portionRef>;
export type RolloutRef = PortionRef & { readonly rollout: { readonly id: number; readonly group: number } };

export function writeRef(ref: PortionRef): string {
  return JSON.stringify(ref);
}

/** @throws OtaError JSON_INVALID: it is none of ours */
export function readRef(text: string): PortionRef {
  const name = 'reference of a portion';
  const value = parseStrictJson(Buffer.from(text), { name, maxBytes: 4096 });
  return checkSchema(portionRef, value, { code: 'JSON_INVALID', name });
}

export function isRollout(ref: PortionRef): ref is RolloutRef {
  return ref.rollout !== undefined;
}
