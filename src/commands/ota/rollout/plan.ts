import { basename } from 'node:path';
import { Flags } from '@oclif/core';
import { mergedSettings, planFlags } from '../../../cli/rollout/plan-flags.js';
import { packageOf, planRequest } from '../../../cli/rollout/plan-request.js';
import type { PlanSettings } from '../../../cli/rollout/plan-settings.js';
import { openRolloutSession, rolloutSessionFlags } from '../../../cli/rollout-session.js';
import { trustAnchorSpec, trustFlags } from '../../../cli/trust-flags.js';
import { requireFreeTarget, writeFileAtomically } from '../../../lib/core/atomic-file.js';
import { systemClock } from '../../../lib/core/clock.js';
import { OtaError } from '../../../lib/core/errors.js';
import { readBounded } from '../../../lib/core/file-access.js';
import { httpPolicyFromEnvironment } from '../../../lib/net/http-policy.js';
import { openAuthenticPackage } from '../../../lib/package/open-package.js';
import { openTrustAnchor } from '../../../lib/package/trust-anchor.js';
import { requirePolicy, verifyPayloads } from '../../../lib/package/verify.js';
import type { RolloutPlan } from '../../../lib/rollout/plan.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { dryRunFlag, forceFlag } from '../../../lib/ui/flags.js';
import { type PlanSummary, planSummary, planText } from '../../../lib/ui/rollout-plan-text.js';
import { writeOn } from '../../../lib/ui/streams.js';

export default class RolloutPlanCommand extends BaseCommand {
  static override summary = 'Plan an update: who gets it when, what stages have to prove, what it costs.';

  static override description =
    'Verifies the package as `ota verify` does, asks the server for the devices, decides for each whether it downloads a ' +
    'delta or the full image or would refuse it, and puts them into stages. Nothing is changed at the server. The plan is ' +
    'a JSON file to review and to keep: `ota rollout diff` says what has changed since, `ota rollout start` begins it.\n\n' +
    'Without --stages and gates it is the recommended strategy: 1 %, 5 %, 20 % and all devices; a stage passes when 95 % ' +
    'are certain (at 95 %) to succeed, and stay good for a day. Of a few devices nothing is certain, so a small stage ' +
    'becomes part of the next one, or waits for an approval; the plan says so. --plan takes all of this from a YAML file ' +
    'by the names of the flags; there a stage may also have gates, a window and a pace of its own.\n\n' +
    'Exits 2 for wrong usage, an empty stage or a gate that can never decide, 3 when too few trusted keys signed the ' +
    'package, 4 when it is malformed, 5 when it has expired, 7 when the server does not answer, 8 when the output exists, ' +
    '15 when you are not logged in or may not, 16 when no device is left to update.';

  static override examples = [
    {
      description: 'The recommended strategy for all meters of a model:',
      command:
        '<%= config.bin %> <%= command.id %> --package meter-2.1.ota --trust root.json --where model=M100 --out plan.json',
    },
    {
      description: 'The lab first, spread over regions, at night, and back by itself when it goes wrong:',
      command:
        "<%= config.bin %> <%= command.id %> -p meter-2.1.ota --trust root.json --target all --stages group:lab,5%,100% --spread model,metadata.region --window '0 0 3 * * ? for 2h' --on-failure abort --on-abort rollback --out plan.json",
    },
  ];

  static override flags = {
    package: Flags.string({
      char: 'p',
      summary: 'Package to give: a path, - for stdin, or an http(s) address.',
      helpValue: 'PACKAGE',
    }),
    plan: Flags.file({ summary: 'YAML file with what is not typed.', helpValue: 'FILE' }),
    out: Flags.string({
      char: 'o',
      summary: 'Where the plan goes; - is stdout. Without it the plan is only shown.',
      helpValue: 'FILE',
    }),
    name: Flags.string({ summary: 'Name of the campaign [default: product and version].', helpValue: 'NAME' }),
    force: forceFlag,
    'dry-run': dryRunFlag,
    ...planFlags,
    ...trustFlags,
    ...rolloutSessionFlags,
  };

  async run(): Promise<PlanSummary> {
    const { flags } = await this.parse(RolloutPlanCommand);
    const { out } = flags;
    const yamlPath = flags.plan;
    const { settings, typed } = mergedSettings(flags, await readYaml(yamlPath));
    const called = (name: keyof PlanSettings) => (typed.has(name) ? `--${name}` : `${yamlPath ?? '-'}: ${name}`);
    const named = yamlPath === undefined ? (name: string) => `--${name}` : called;
    const spec = packageOf(settings, { called: named, yamlPath });
    const said = await planRequest(settings, { called: named, yamlPath });
    if (out === '-' && this.jsonEnabled()) {
      throw new OtaError('USAGE', '--json and --out - both write to stdout', ['Name a file with --out.']);
    }
    if (out !== undefined && out !== '-') await requireFreeTarget(out, flags.force);

    const plan = await this.#draft(spec, said, { ...flags, server: flags.server ?? settings.server });
    const { formatPlan } = await import('../../../lib/rollout/format-plan.js');
    const { forecastStages } = await import('../../../lib/rollout/forecast.js');
    const { parsePlan, planDigest } = await import('../../../lib/rollout/parse-plan.js');
    const bytes = Buffer.from(formatPlan(plan));
    // What is written here must be readable by whoever starts it.
    parsePlan(bytes, 'the plan');
    const isWritten = out !== undefined && !flags['dry-run'];
    if (isWritten && out !== '-') {
      await writeFileAtomically(out, bytes, { force: flags.force, signal: this.signal });
    }
    const summary = planSummary(plan, {
      digest: planDigest(plan),
      path: isWritten ? out : null,
      forecasts: forecastStages(plan.stages, Date.parse(plan.createdAt)),
    });
    if (isWritten && out === '-') {
      await writeOn(process.stdout, bytes.toString());
      for (const note of plan.notes) this.note(note);
      return summary;
    }
    this.print(await planText(summary));
    this.#sayWhatIsNext(out, isWritten);
    return summary;
  }

  async #draft(
    spec: string,
    said: Awaited<ReturnType<typeof planRequest>>,
    flags: Parameters<typeof trustAnchorSpec>[0] &
      Parameters<typeof openRolloutSession>[0] & { 'allow-test-keys': boolean },
  ): Promise<RolloutPlan> {
    const { signal, onArrival } = this;
    const now = systemClock.now();
    const anchor = await openTrustAnchor(trustAnchorSpec(flags));
    const input = { http: httpPolicyFromEnvironment(process.env), stdin: process.stdin, onArrival, signal };
    const trust = { now, allowTestKeys: flags['allow-test-keys'], anchor };
    await using file = await openAuthenticPackage(spec, { ...input, ...trust });
    requirePolicy(file.pkg, { now });
    const checking = this.progress('Checking payloads', { totalBytes: file.size });
    await verifyPayloads(file.pkg.payloads, { signal, onBytes: checking.update });
    checking.done();

    await using session = await openRolloutSession(flags, { environment: process.env, signal });
    const asking = this.progress('Asking for devices');
    const { draftPlan } = await import('../../../lib/campaign/draft-plan.js');
    const { product, version } = file.pkg.metadata;
    const isPath = spec !== '-' && !/^https?:\/\//.test(spec);
    const plan = await draftPlan({
      ...said,
      ...{ driver: session.driver, pkg: file.pkg, now, signal },
      file: { name: isPath ? basename(spec) : `${product}-${version}.ota`, bytes: file.size },
      onDevices: (devices) => asking.update(devices),
    });
    asking.done();
    return plan;
  }

  #sayWhatIsNext(out: string | undefined, isWritten: boolean): void {
    if (out === undefined) this.note('Nothing was written; --out plan.json keeps the plan');
    else if (isWritten) this.note(`Wrote ${out}; \`ota rollout start ${out}\` begins it`);
    else this.note(`Would write ${out}`);
  }
}

async function readYaml(path: string | undefined): Promise<PlanSettings> {
  if (path === undefined) return {};
  const { PLAN_YAML_MAX_BYTES, parsePlanYaml } = await import('../../../cli/rollout/plan-settings.js');
  return parsePlanYaml(await readBounded(path, PLAN_YAML_MAX_BYTES, 'plan'), path);
}
