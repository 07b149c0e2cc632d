import { OtaError } from '../../lib/core/errors.js';
import { readBounded } from '../../lib/core/file-access.js';
import { escapeText } from '../../lib/core/text.js';
import { type LocalInputOptions, openLocalInput } from '../../lib/net/local-input.js';
import type { RolloutPlan } from '../../lib/rollout/plan.js';
import type { RolloutSession, RolloutSessionFlags } from '../rollout-session.js';

/** PLAN_MAX_BYTES, which comes with the schema of plans. */
const MAX_BYTES = 64 * 1024 ** 2;

/**
 * Reads a plan from a path, stdin (`-`) or an http(s) address.
 *
 * @throws OtaError as `openLocalInput` and `parsePlan`
 */
export async function readPlanFile(spec: string, input: Omit<LocalInputOptions, 'maxBytes'>): Promise<RolloutPlan> {
  try {
    await using file = await openLocalInput(spec, { ...input, maxBytes: MAX_BYTES });
    const bytes = await readBounded(file.path, MAX_BYTES, 'plan');
    // Who mistyped a path does not wait for all that a plan is checked by.
    const { parsePlan } = await import('../../lib/rollout/parse-plan.js');
    return parsePlan(bytes, file.name);
  } catch (error) {
    if (!(error instanceof OtaError && error.code === 'NOT_FOUND')) throw error;
    const next = [...error.suggestions, 'Make a plan with `ota rollout plan`.'];
    throw new OtaError('NOT_FOUND', error.message, next, { cause: error });
  }
}

/** Where a plan is for, where nobody says anything else. */
export function flagsForPlan<T extends RolloutSessionFlags>(flags: T, { server }: RolloutPlan): T {
  if (flags.server !== undefined || flags.profile !== undefined) return flags;
  return { ...flags, server: `${server.driver}+${server.address}` };
}

/** @throws OtaError USAGE: a plan is for devices of one server */
export function requireServerOf(plan: RolloutPlan, { driver }: RolloutSession): void {
  const { server } = plan;
  if (server.driver === driver.kind && server.address === driver.address) return;
  throw new OtaError(
    'USAGE',
    `${plan.name} is a plan for ${placeText(server.driver, server.address)}, got ${placeText(driver.kind, driver.address)}`,
    ['Leave --server and --profile out, or make a plan for this server with `ota rollout plan`.'],
  );
}

function placeText(kind: string, address: string): string {
  return escapeText(kind === 'fleet' ? address : `${kind}+${address}`);
}
