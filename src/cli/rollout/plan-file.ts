import { OtaError } from '../../lib/core/errors.js';
import { readBounded } from '../../lib/core/file-access.js';
import { escapeText } from '../../lib/core/text.js';
import { type LocalInputOptions, openLocalInput } from '../../lib/net/local-input.js';
import { parsePlan } from '../../lib/rollout/parse-plan.js';
import { PLAN_MAX_BYTES, type RolloutPlan } from '../../lib/rollout/plan.js';
import type { RolloutSession, RolloutSessionFlags } from '../rollout-session.js';

/**
 * Reads a plan from a path, stdin (`-`) or an http(s) address.
 *
 * @throws OtaError as `openLocalInput` and `parsePlan`
 */
export async function readPlanFile(spec: string, input: Omit<LocalInputOptions, 'maxBytes'>): Promise<RolloutPlan> {
  try {
    await using file = await openLocalInput(spec, { ...input, maxBytes: PLAN_MAX_BYTES });
    return parsePlan(await readBounded(file.path, PLAN_MAX_BYTES, 'plan'), file.name);
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
