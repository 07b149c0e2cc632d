import type { RolloutPlan } from './plan.js';

/** What a plan takes from the machine that drives it: somebody else may have written it. */
export interface OutsideReach {
  /** Programs, each with the stages that run it. */
  readonly commands: readonly { readonly argv: readonly string[]; readonly stages: readonly string[] }[];
  /** Variables of the environment, and whom their value is given to. */
  readonly secrets: readonly { readonly variable: string; readonly origin: string }[];
}

/** Each program and each way of a secret once, in the order of the plan. */
export function outsideReach({ stages, webhook, webhookTokenEnv }: RolloutPlan): OutsideReach {
  const commands = new Map<string, { argv: readonly string[]; stages: string[] }>();
  const secrets = new Map<string, { variable: string; origin: string }>();
  const give = (variable: string | undefined, address: string) => {
    const origin = URL.parse(address)?.origin ?? address;
    if (variable !== undefined) secrets.set(JSON.stringify([variable, origin]), { variable, origin });
  };
  for (const { name, gates } of stages) {
    for (const gate of gates) {
      if (gate.type === 'probe') give(gate.tokenEnv, gate.url);
      if (gate.type !== 'command') continue;
      const { argv } = gate;
      const key = JSON.stringify(argv);
      const known = commands.get(key) ?? { argv, stages: [] };
      if (!known.stages.includes(name)) known.stages.push(name);
      commands.set(key, known);
    }
  }
  if (webhook !== null) give(webhookTokenEnv, webhook);
  return { commands: [...commands.values()], secrets: [...secrets.values()] };
}
