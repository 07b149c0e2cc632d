import { Args } from '@oclif/core';
import { flagsForPlan, readPlanFile, requireServerOf } from '../../../cli/rollout/plan-file.js';
import { openRolloutSession, rolloutSessionFlags } from '../../../cli/rollout-session.js';
import { EXIT_STATUS } from '../../../lib/core/errors.js';
import { httpPolicyFromEnvironment } from '../../../lib/net/http-policy.js';
import type { Drift } from '../../../lib/rollout/plan-drift.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { driftDetailText } from '../../../lib/ui/rollout-drift-text.js';

export default class RolloutDiff extends BaseCommand {
  static override summary = 'Tell what has changed at the server since a plan was made.';

  static override description =
    'Asks the server of the plan for the devices of its target, and tells which are new, gone, updated already or on ' +
    'another version than the plan says. New devices would get nothing, and a device on another version would not go back ' +
    'to what the plan says.\n\n' +
    'Exits 0 when no more than the allowed share has changed (`ota rollout plan --allowed-drift`), 8 when it is more: ' +
    '`ota rollout start` refuses then. Otherwise 2 for wrong usage, 4 when the plan is malformed, 7 when the server does ' +
    'not answer, 15 when you are not logged in or may not, 16 when there is no such file.';

  static override examples = [
    { description: 'Before it starts:', command: '<%= config.bin %> <%= command.id %> plan.json' },
    {
      description: 'Names of all of them, for a script:',
      command: '<%= config.bin %> <%= command.id %> plan.json --json',
    },
  ];

  static override args = {
    plan: Args.string({ description: 'Plan: a path, - for stdin, or an http(s) address.', required: true }),
  };

  static override flags = { ...rolloutSessionFlags };

  async run(): Promise<Drift> {
    const { args, flags } = await this.parse(RolloutDiff);
    const { signal, onArrival } = this;
    const input = { http: httpPolicyFromEnvironment(process.env), stdin: process.stdin, onArrival, signal };
    const plan = await readPlanFile(args.plan, input);
    await using session = await openRolloutSession(flagsForPlan(flags, plan), { environment: process.env, signal });
    requireServerOf(plan, session);
    const { checkDrift } = await import('../../../lib/campaign/check-drift.js');
    const drift = await checkDrift(plan, session.driver, signal);
    this.print(driftDetailText(drift));
    if (!drift.isWithinAllowed) process.exitCode = EXIT_STATUS.CONFLICT;
    return drift;
  }
}
