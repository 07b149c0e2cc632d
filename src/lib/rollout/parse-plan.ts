import { canonicalJson } from '../core/canonical-json.js';
import { checkSchema } from '../core/schema.js';
import { sha256Hex } from '../core/sha256.js';
import { type JsonValue, parseStrictJson } from '../core/strict-json.js';
import { escapeText } from '../core/text.js';
import { checkPlan } from './check-plan.js';
import { PLAN_MAX_BYTES, PLAN_MAX_DEVICES, type RolloutPlan, rolloutPlan } from './plan.js';

/** A device is an array with two scalars, or a name among those that were left out; the rest is small. */
const MAX_VALUES = 4 * PLAN_MAX_DEVICES + 100_000;

/**
 * Reads a plan.
 *
 * @param bytes strict JSON
 * @param name  what to call it in errors
 * @throws OtaError JSON_INVALID, LIMIT_EXCEEDED; PLAN_INVALID with the first thing that is wrong in it
 */
export function parsePlan(bytes: Uint8Array, name: string): RolloutPlan {
  const value = parseStrictJson(bytes, { name, maxBytes: PLAN_MAX_BYTES, maxDepth: 8, maxValues: MAX_VALUES });
  const plan = checkSchema(rolloutPlan, value, { code: 'PLAN_INVALID', name });
  checkPlan(plan, escapeText(name));
  return plan;
}

/** SHA-256 of a plan's canonical JSON, 64 lowercase hex digits: the same however the file was laid out. */
export function planDigest(plan: RolloutPlan): string {
  return sha256Hex(canonicalJson(plan as JsonValue));
}
