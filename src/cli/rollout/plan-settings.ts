import * as z from 'zod/mini';
import { OtaError } from '../../lib/core/errors.js';
import { checkSchema } from '../../lib/core/schema.js';
import { parseStrictYaml } from '../../lib/core/strict-yaml.js';
import { escapeText } from '../../lib/core/text.js';
import { gateSpec } from '../../lib/rollout/gate-spec.js';
import { campaignName, maintenanceWindow, PLAN_MAX_STAGES } from '../../lib/rollout/plan.js';

/** A list of a hundred thousand devices for a stage is in a file of its own. */
export const PLAN_YAML_MAX_BYTES = 4 * 1024 ** 2;

const text = z.string().check(z.minLength(1), z.maxLength(16 * 1024));
/** `95` and `95%` are the same in a file. */
const words = z.pipe(
  z.union([z.string(), z.number()], 'expected text or a number'),
  z.transform((value) => String(value)),
);
const texts = z.union([text, z.array(text)], 'expected text or a list of texts');

/** A stage of which more is said than which devices it has. */
const stageObject = z.strictObject({
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
});

/** A stage as it stands in a plan.yaml: `5%`, or an object. */
export type StageSetting = string | z.output<typeof stageObject>;

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
  /** Each is checked by itself, so that a mistake is found where it is. */
  stages: z.optional(z.unknown()),
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
export type PlanSettings = Omit<z.output<typeof planSettings>, 'stages'> & {
  readonly stages?: string | readonly StageSetting[] | undefined;
};

/** @throws OtaError CONFIG_INVALID: with line and column, or the key; LIMIT_EXCEEDED */
export async function parsePlanYaml(bytes: Uint8Array, name: string): Promise<PlanSettings> {
  const value = await parseStrictYaml(bytes, { name, maxBytes: PLAN_YAML_MAX_BYTES });
  const code = 'CONFIG_INVALID';
  const { stages, ...settings } = checkSchema(planSettings, value, { code, name });
  if (stages === undefined) return settings;
  if (!Array.isArray(stages))
    return { ...settings, stages: checkSchema(words, stages, { code, name: `${name}: stages` }) };
  if (stages.length === 0 || stages.length > PLAN_MAX_STAGES) {
    throw new OtaError(code, `${escapeText(name)}: stages: has ${stages.length}, expected 1 to ${PLAN_MAX_STAGES}`);
  }
  return {
    ...settings,
    stages: stages.map((stage, at): StageSetting => {
      const where = { code, name: `${name}: stages[${at}]` } as const;
      return typeof stage === 'object' ? checkSchema(stageObject, stage, where) : checkSchema(words, stage, where);
    }),
  };
}
