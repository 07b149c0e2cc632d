import { escapeText } from '../../core/text.js';
import type { RolloutPlan } from '../../rollout/plan.js';
import { ServerFailure } from '../http/server-failure.js';

/**
 * What a server refuses to do for a plan: run a command, or ask an origin that it was not started with. Otherwise whoever
 * starts a campaign could have the server reach into its own network.
 *
 * @param allowed origins: `https://metrics.example`
 * @returns one sentence and what to do next; undefined: nothing
 */
export function egressRefusal(
  { stages, webhook, webhookTokenEnv }: RolloutPlan,
  allowed: readonly string[],
): { readonly message: string; readonly suggestion: string } | undefined {
  for (const { name, gates } of stages) {
    for (const gate of gates) {
      if (gate.type === 'command') {
        return {
          message: `the stage ${escapeText(name)} has a gate that runs a command, which a server never does`,
          suggestion: 'Run it with --local.',
        };
      }
      if (gate.type === 'probe' && gate.tokenEnv !== undefined) return secret(`the stage ${escapeText(name)} asks`);
      const foreign = gate.type === 'probe' ? foreignOrigin(gate.url, allowed) : undefined;
      if (foreign !== undefined) return refusal(`the stage ${escapeText(name)} asks ${foreign}`, allowed);
    }
  }
  if (webhookTokenEnv !== undefined) return secret('the webhook is told');
  const foreign = webhook === null ? undefined : foreignOrigin(webhook, allowed);
  return foreign === undefined ? undefined : refusal(`the webhook goes to ${foreign}`, allowed);
}

/** @throws ServerFailure 422 */
export function requireEgress(plan: RolloutPlan, allowed: readonly string[]): void {
  const refused = egressRefusal(plan, allowed);
  if (refused === undefined) return;
  throw new ServerFailure(422, 'USAGE', refused.message, { suggestions: [refused.suggestion] });
}

function secret(what: string) {
  return {
    message: `${what} with a token of the environment, which a server gives to no plan`,
    suggestion: 'Run it with --local.',
  };
}

function refusal(fact: string, allowed: readonly string[]) {
  const others = allowed.length === 0 ? 'nothing outside' : `${allowed.join(', ')} alone`;
  return {
    message: `${fact}, this server asks ${others}`,
    suggestion: 'Start the server with --allow-egress ORIGIN, or run the campaign with --local.',
  };
}

function foreignOrigin(address: string, allowed: readonly string[]): string | undefined {
  const url = URL.parse(address);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return 'an address that is none';
  return allowed.includes(url.origin) ? undefined : escapeText(url.origin);
}
