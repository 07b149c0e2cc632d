import { setImmediate } from 'node:timers/promises';
import { Args, Flags } from '@oclif/core';
import { abortError } from '../../../lib/core/abort.js';
import { openAtomicFile } from '../../../lib/core/atomic-file.js';
import { readBounded } from '../../../lib/core/file-access.js';
import { parsePlan } from '../../../lib/rollout/parse-plan.js';
import { PLAN_MAX_BYTES } from '../../../lib/rollout/plan.js';
import {
  DEFAULT_MODEL,
  type FleetModel,
  MODEL_MAX_BYTES,
  MODEL_MAX_DEVICES,
  parseFleetModel,
  parseShare,
} from '../../../lib/rollout/simulate/fleet-model.js';
import {
  failingOn,
  type RolloutSimulation,
  type SimulationRequest,
  SWEPT_SHARES,
  simulateRollout,
} from '../../../lib/rollout/simulate/simulate-rollout.js';
import { simulationHtml } from '../../../lib/rollout/simulate/simulation-html.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { forceFlag } from '../../../lib/ui/flags.js';
import { rolloutSimulationText } from '../../../lib/ui/rollout-simulation-text.js';

export default class RolloutSimulate extends BaseCommand {
  static override summary = 'See on a fleet that does not exist when a plan stops a bad build.';

  static override description =
    'A whole campaign by the gates that decide real ones, in seconds instead of days, on as many as ten million devices ' +
    'that poll, are away, take their time, fail, get stuck, or turn bad later, as a model (YAML) says. The same seed gives ' +
    'the same fleet; --seeds tells how much is luck. Nothing is asked of any server. docs/rollout-model.md describes ' +
    'models.\n\n' +
    'It ends when the campaign does, is paused or aborted; approvals are given after the time that the model says, probes ' +
    "and commands are taken to be good. --compare hawkbit runs the same fleets by hawkBit's own rollout with its default " +
    'conditions: the next stage when 50 % of a stage have reported success, pause when more than 50 % have reported an ' +
    'error.\n\n' +
    'Exits 0 whatever becomes of the build, 2 for wrong usage or a wrong model, 4 for a malformed plan, 130 when ' +
    'interrupted.';

  static override examples = [
    {
      description: 'How far does a build come that fails on one device in twenty?',
      command: '<%= config.bin %> <%= command.id %> plan.json --failure-rate 5% --seeds 100 --compare hawkbit',
    },
    {
      description: 'All failure rates on a million devices, as a page:',
      command:
        '<%= config.bin %> <%= command.id %> plan.json --model model.yaml --devices 1000000 --sweep --html simulation.html',
    },
  ];

  static override args = {
    plan: Args.file({ description: 'Plan, as `ota rollout plan` made it.', required: true }),
  };

  static override flags = {
    model: Flags.file({ char: 'm', summary: 'What the fleet is like, YAML.', helpValue: 'FILE' }),
    devices: Flags.integer({
      summary: "How many devices, instead of the plan's; stages keep their shares.",
      helpValue: 'N',
      min: 1,
      max: MODEL_MAX_DEVICES,
    }),
    'failure-rate': Flags.string({
      summary: 'Share of devices that the build fails on, whatever their model.',
      helpValue: 'SHARE',
    }),
    seed: Flags.integer({ summary: 'Decides the fate of each device.', helpValue: 'N', default: 1, min: 0 }),
    seeds: Flags.integer({
      summary: 'How many fleets, each with the next seed.',
      helpValue: 'N',
      default: 1,
      min: 1,
      max: 100_000,
    }),
    compare: Flags.option({
      summary: 'Also by the default conditions of this server.',
      options: ['hawkbit'] as const,
    })(),
    sweep: Flags.boolean({
      summary: `Also with failure rates from ${100 * SWEPT_SHARES[0]!}% to ${100 * SWEPT_SHARES.at(-1)!}%.`,
      default: false,
    }),
    html: Flags.file({ summary: 'Also write it as a page that needs nothing else.', helpValue: 'FILE' }),
    force: forceFlag,
  };

  async run(): Promise<RolloutSimulation> {
    const { args, flags } = await this.parse(RolloutSimulate);
    const model = await readModel(flags);
    await using page = flags.html === undefined ? undefined : await openAtomicFile(flags.html, { force: flags.force });
    const report = await this.#simulate({
      plan: parsePlan(await readBounded(args.plan, PLAN_MAX_BYTES, 'plan'), args.plan),
      model,
      seeds: { first: flags.seed, count: flags.seeds },
      comparesHawkbit: flags.compare === 'hawkbit',
      sweep: flags.sweep ? SWEPT_SHARES : [],
    });
    this.print(await rolloutSimulationText(report));
    await page?.write(Buffer.from(simulationHtml(report)));
    await page?.commit();
    return report;
  }

  async #simulate(request: SimulationRequest): Promise<RolloutSimulation> {
    const progress = this.progress('Simulating', { total: request.seeds.count * (1 + request.sweep.length) });
    const campaigns = simulateRollout(request);
    for (;;) {
      const next = campaigns.next();
      if (next.done) {
        progress.done();
        return next.value;
      }
      progress.update(next.value.done, next.value.total);
      // A campaign takes all there is of a thread: somebody may have typed Ctrl-C meanwhile.
      await setImmediate();
      if (this.signal.aborted) throw abortError(this.signal);
    }
  }
}

async function readModel(flags: {
  model?: string | undefined;
  devices?: number | undefined;
  'failure-rate'?: string | undefined;
}): Promise<FleetModel> {
  const { model: path, devices, 'failure-rate': failureRate } = flags;
  const given =
    path === undefined ? DEFAULT_MODEL : await parseFleetModel(await readBounded(path, MODEL_MAX_BYTES, 'model'), path);
  const sized = devices === undefined ? given : { ...given, devices };
  return failureRate === undefined ? sized : failingOn(sized, parseShare(failureRate));
}
