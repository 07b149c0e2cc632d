import { Flags } from '@oclif/core';
import { OtaError } from '../../lib/core/errors.js';
import { outsideReach } from '../../lib/rollout/outside-reach.js';
import type { RolloutPlan } from '../../lib/rollout/plan.js';
import { promptConfirm } from '../../lib/ui/prompts.js';
import { canAsk } from '../../lib/ui/terminal.js';

/** Of commands that may drive a campaign from this machine. */
export const trustPlanFlag = Flags.boolean({
  summary: 'Run the programs that the plan names here, and send the variables that it names; asked on a terminal.',
  default: false,
  helpGroup: 'CAMPAIGN',
});

export interface ConsentOptions {
  /** `--trust-plan` was typed. */
  readonly isTrusted: boolean;
  readonly signal: AbortSignal;
  /** Shows a line, whatever is silent besides, and whatever characters are in it. */
  tell(line: string): void;
}

/**
 * Shows which programs of a plan would run on this machine and where variables of its environment would go, and asks.
 *
 * Attack: a plan is a file that comes with a pull request or by mail; whoever starts it has looked at its devices, not at
 * `argv` of the third gate or at whom `AWS_SECRET_ACCESS_KEY` is sent to.
 *
 * @throws OtaError USAGE: nobody can be asked, and `--trust-plan` is missing; INTERRUPTED: the answer was no
 */
export async function consentToPlan(plan: RolloutPlan, { isTrusted, signal, tell }: ConsentOptions): Promise<void> {
  const lines = reachLines(plan);
  if (lines.length === 0) return;
  for (const line of lines) tell(line);
  if (isTrusted) return;
  if (!canAsk(process.env)) {
    const fact = `${plan.name} wants programs or secrets of this machine, and there is no terminal to ask on`;
    throw new OtaError('USAGE', fact, ['Read the gates of the plan, then add --trust-plan.']);
  }
  const message = `Let ${plan.name} do so on this machine?`;
  if (await promptConfirm({ message, flag: 'trust-plan', signal })) return;
  throw new OtaError('INTERRUPTED', 'Nothing was changed');
}

function reachLines(plan: RolloutPlan): string[] {
  const { commands, secrets } = outsideReach(plan);
  return [
    ...commands.map(({ argv, stages }) => {
      const words = argv.map((word) => JSON.stringify(word)).join(' ');
      return `${plan.name} runs ${words} with your rights (${stages.join(', ')})`;
    }),
    ...secrets.map(({ variable, origin }) => `${plan.name} sends the variable ${variable} to ${origin}`),
  ];
}
