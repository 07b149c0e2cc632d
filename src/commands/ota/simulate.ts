import { Args, Flags } from '@oclif/core';
import { baseFlag } from '../../cli/package-flags.js';
import { trustAnchorSpec, trustFlags } from '../../cli/trust-flags.js';
import { abortError } from '../../lib/core/abort.js';
import { openAtomicFile } from '../../lib/core/atomic-file.js';
import { systemClock } from '../../lib/core/clock.js';
import { EXIT_STATUS, OtaError } from '../../lib/core/errors.js';
import { readBounded } from '../../lib/core/file-access.js';
import { LAYOUT_MAX_BYTES, type Layout, parseLayout } from '../../lib/device/layout.js';
import { httpPolicyFromEnvironment } from '../../lib/net/http-policy.js';
import { openImages } from '../../lib/package/open-images.js';
import { openAuthenticPackage } from '../../lib/package/open-package.js';
import { openTrustAnchor } from '../../lib/package/trust-anchor.js';
import { selectForBases } from '../../lib/package/verify.js';
import { parseCuts } from '../../lib/simulate/plan.js';
import type { SimulationReport } from '../../lib/simulate/report.js';
import { reportHtml } from '../../lib/simulate/report-html.js';
import { verdictText } from '../../lib/simulate/report-words.js';
import type { SimulationRequest } from '../../lib/simulate/request.js';
import { parseBoots } from '../../lib/simulate/scenario.js';
import { type ReplayReport, replaySimulation, simulatePackage } from '../../lib/simulate/simulate-package.js';
import { simulatedTrustRoot } from '../../lib/simulate/throw-away-root.js';
import { BaseCommand } from '../../lib/ui/base-command.js';
import { forceFlag } from '../../lib/ui/flags.js';
import { replayText, simulateText } from '../../lib/ui/simulate-text.js';

export default class Simulate extends BaseCommand {
  static override summary = 'Cut the power everywhere while a device installs a package, and see what boots.';

  static override description =
    'A device in memory downloads, installs, boots, confirms and goes back, by the code that `ota device` runs. In ' +
    'each operation on its storage the power is cut in every way that leaves something else behind, disks fail, bits ' +
    'flip; then it lives on, and every boot is held to what must never break. Nothing of yours is changed. ' +
    'docs/guides/simulate.md says what is simulated and what is not.\n\n' +
    'Exits 20 when an invariant broke, with the shortest way to it and a token that repeats it; 3, 4 or 5 when the ' +
    'package is not trusted, malformed, or refused by a device without any fault; 2 for a wrong layout or token; ' +
    '130 when interrupted: what was covered until then is reported.';

  static override examples = [
    {
      description: 'Before the upload, as a step of a pipeline:',
      command:
        '<%= config.bin %> <%= command.id %> app-2.1.ota --base app-2.0.bin --layout layout.json --trust root.json ' +
        '--html simulation.html',
    },
    {
      description: 'Two faults a life, everywhere, on a small device whose new firmware fails three times:',
      command:
        '<%= config.bin %> <%= command.id %> app-2.1.ota --base app-2.0.bin --key release.pub --boots bad:3 --cuts pairs --json',
    },
  ];

  static override args = {
    package: Args.string({ description: 'Package: a path, - for stdin, or an http(s) address.', required: true }),
  };

  static override flags = {
    ...trustFlags,
    base: baseFlag({
      summary: 'Image that the device runs. Repeatable, one for each component.',
      required: true,
    }),
    'base-version': Flags.string({
      summary: 'Version of the release that the device runs; by default what the package says of its base.',
      helpValue: 'SEMVER',
    }),
    'base-security-counter': Flags.integer({
      summary: 'Anti-rollback counter of the device; by default that of the package, so that it may go back.',
      helpValue: 'N',
      min: 0,
    }),
    layout: Flags.file({
      char: 'l',
      summary: 'Layout of its storage (JSON); by default two slots for each component.',
      helpValue: 'FILE',
    }),
    boots: Flags.string({
      summary: 'How the new firmware behaves: good, bad:N (its first N boots fail), hang. Repeatable; all by default.',
      helpValue: 'good|bad:N|hang',
      multiple: true,
      multipleNonGreedy: true,
    }),
    cuts: Flags.string({
      summary: 'How many faults a life gets: single, pairs, or random:K at places drawn from the seed.',
      helpValue: 'single|pairs|random:K',
      default: 'single',
    }),
    runs: Flags.integer({ summary: 'Lives for each behaviour, with --cuts random:K.', helpValue: 'N', min: 1 }),
    seed: Flags.integer({ summary: 'Chooses garbage, flipped bits and random places.', helpValue: 'N', default: 1 }),
    workers: Flags.integer({ summary: 'Threads; by default one for each core.', helpValue: 'N', min: 1, max: 256 }),
    replay: Flags.string({
      summary: 'Repeat one violation.',
      helpValue: 'TOKEN',
      exclusive: ['boots', 'runs', 'html'],
    }),
    html: Flags.file({ summary: 'Also write the report as a page that needs nothing else.', helpValue: 'FILE' }),
    force: forceFlag,
  };

  async run(): Promise<SimulationReport | ReplayReport> {
    const { args, flags } = await this.parse(Simulate);
    const { signal, onArrival } = this;
    const input = { http: httpPolicyFromEnvironment(process.env), stdin: process.stdin, onArrival, signal };
    const [boots, cuts] = [flags.boots?.map(parseBoots), parseCuts(flags.cuts)];
    if (cuts.kind !== 'random' && this.isTyped('runs', flags.runs)) {
      throw new OtaError('USAGE', `--runs belongs to --cuts random:K, got --cuts ${flags.cuts}`, [
        'Leave --runs out: single and pairs try every place once.',
      ]);
    }
    const layout = flags.layout === undefined ? undefined : await readLayout(flags.layout);
    await using page = flags.html === undefined ? undefined : await openAtomicFile(flags.html, { force: flags.force });

    const trust = trustAnchorSpec(flags);
    const anchor = await openTrustAnchor(trust);
    const authentic = { anchor, now: systemClock.now(), allowTestKeys: flags['allow-test-keys'] };
    await using file = await openAuthenticPackage(args.package, { ...input, ...authentic });
    await using bases = await openImages(flags.base, file.pkg.metadata, input);
    for (const { entry, fullFallback } of await selectForBases(file.pkg, bases.images, { signal })) {
      if (fullFallback)
        this.warnUser(`component ${entry.component}: no delta fits its base, so the full image is used`);
    }
    const exploring = this.progress('Simulating', { total: 0 });
    const request: SimulationRequest = {
      pkg: file.pkg,
      data: file.data,
      bases: bases.images,
      baseVersion: flags['base-version'],
      baseSecurityCounter: flags['base-security-counter'],
      layout,
      trustRoot: await simulatedTrustRoot(trust, file.pkg.metadata.product),
      allowTestKeys: flags['allow-test-keys'],
      boots: boots && [...new Set(boots)],
      cuts,
      runs: flags.runs,
      seed: flags.seed,
      workers: flags.workers,
      signal,
      onProgress: exploring.update,
    };
    if (flags.replay !== undefined) {
      const replay = await replaySimulation(request, flags.replay);
      exploring.done();
      this.print(replayText(file.pkg.name, replay));
      if (replay.violation !== undefined) process.exitCode = EXIT_STATUS.SIMULATION_VIOLATION;
      return replay;
    }
    const report = await simulatePackage(request);
    exploring.done();
    this.print(
      await simulateText(report, { verdict: verdictText(report), repeat: repeatCommand(args.package, flags) }),
    );
    await page?.write(Buffer.from(reportHtml(report)));
    await page?.commit();
    if (!report.complete) process.exitCode = abortError(signal).exitCode;
    else if (report.violations.length > 0) process.exitCode = EXIT_STATUS.SIMULATION_VIOLATION;
    return report;
  }
}

async function readLayout(path: string): Promise<Layout> {
  return parseLayout(await readBounded(path, LAYOUT_MAX_BYTES, 'layout'), path);
}

/** The flags that a life depends on, and what they were parsed to. */
const LIFE_FLAGS = [
  ...['base', 'base-version', 'base-security-counter', 'layout'],
  ...['key', 'threshold', 'trust', 'product', 'allow-test-keys'],
] as const;

/** What repeats a life, up to the token: for a shell. */
function repeatCommand(packageSpec: string, flags: Record<string, unknown>): string {
  const options = LIFE_FLAGS.flatMap((name) =>
    [flags[name] ?? []]
      .flat()
      .flatMap((value) => (value === true ? [`--${name}`] : value === false ? [] : [`--${name}`, `${value}`])),
  );
  return ['ota', 'simulate', packageSpec, ...options, '--replay'].map(shellWord).join(' ');
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
