import * as z from 'zod/mini';
import { checkSchema } from '../../lib/core/schema.js';
import { parseStrictYaml } from '../../lib/core/strict-yaml.js';
import { gateSpec } from '../../lib/rollout/gate-spec.js';
import { campaignName, maintenanceWindow, PLAN_MAX_STAGES } from '../../lib/rollout/plan.js';

/** A list of a hundred thousand devices for a stage is in a file of its own. */
export const PLAN_YAML_MAX_BYTES = 4 * 1024 ** 2;

const text = z.string().check(z.minLength(1), z.maxLength(16 * 1024));
/** `95` and `95%` are the same in a file. */
const words = z.pipe(
  z.union([z.string(), z.number()]),
  z.transform((value) => String(value)),
);
const texts = z.union([text, z.array(text)]);

/** A stage as it stands in a plan.yaml: `5%`, or all that can be said of one. */
const stageSetting = z.union([
  words,
  z.strictObject({
    name: z.optional(z.string().check(z.minLength(1), z.maxLength(64))),
    /** As in `--stages`, or the names of its devices. */
    devices: z.union([words, z.array(text).check(z.minLength(1))]),
    'start-at': z.optional(text),
    window: z.optional(z.union([text, maintenanceWindow])),
    rate: z.optional(words),
    'rate-growth': z.optional(words),
    soak: z.optional(words),
    approval: z.optional(z.boolean()),
    /** Instead of those that all stages have. As in a plan. */
    gates: z.optional(z.array(gateSpec).check(z.maxLength(32))),
  }),
]);
export type StageSetting = z.output<typeof stageSetting>;

/** What a plan.yaml may say: by the names of the flags. */
const planSettings = z.strictObject({
  name: z.optional(campaignName),
  package: z.optional(text),
  server: z.optional(text),
  target: z.optional(text),
  where: z.optional(texts),
  exclude: z.optional(text),
  hold: z.optional(text),
  canary: z.optional(text),
  spread: z.optional(texts),
  seed: z.optional(z.int().check(z.minimum(0))),
  stages: z.optional(z.union([text, z.array(stageSetting).check(z.minLength(1), z.maxLength(PLAN_MAX_STAGES))])),
  'small-stages': z.optional(z.enum(['merge', 'approve', 'refuse'])),
  'start-at': z.optional(text),
  window: z.optional(z.union([text, maintenanceWindow])),
  rate: z.optional(words),
  'rate-growth': z.optional(words),
  soak: z.optional(words),
  success: z.optional(words),
  completed: z.optional(words),
  confidence: z.optional(words),
  failure: z.optional(words),
  stuck: z.optional(words),
  'on-failure': z.optional(z.enum(['pause', 'abort'])),
  health: z.optional(texts),
  probe: z.optional(texts),
  approval: z.optional(z.boolean()),
  'on-abort': z.optional(z.enum(['stop', 'rollback'])),
  webhook: z.optional(text),
  'allowed-drift': z.optional(words),
  'include-busy': z.optional(z.boolean()),
  'include-refused': z.optional(z.boolean()),
  'no-full-fallback': z.optional(z.boolean()),
});
export type PlanSettings = z.output<typeof planSettings>;

/** @throws OtaError CONFIG_INVALID: with line and column, or the key; LIMIT_EXCEEDED */
export async function parsePlanYaml(bytes: Uint8Array, name: string): Promise<PlanSettings> {
  const value = await parseStrictYaml(bytes, { name, maxBytes: PLAN_YAML_MAX_BYTES });
  return checkSchema(planSettings, value, { code: 'CONFIG_INVALID', name });
}
