import { Args, Flags } from '@oclif/core';
import { baseFlag, deviceFlag, noFullFallbackFlag } from '../../cli/package-flags.js';
import { trustAnchorSpec, trustFlags } from '../../cli/trust-flags.js';
import { systemClock } from '../../lib/core/clock.js';
import { httpPolicyFromEnvironment } from '../../lib/net/http-policy.js';
import { type AppliedComponent, applyPackage } from '../../lib/package/apply.js';
import { byComponent } from '../../lib/package/component-spec.js';
import { readDeviceState } from '../../lib/package/device-state.js';
import { onlyComponent, openImages } from '../../lib/package/open-images.js';
import { openAuthenticPackage } from '../../lib/package/open-package.js';
import { timeOf } from '../../lib/package/policy-checks.js';
import { openTrustAnchor } from '../../lib/package/trust-anchor.js';
import { requirePolicy } from '../../lib/package/verify.js';
import { targetBytesOf } from '../../lib/package/verify-report.js';
import { BaseCommand } from '../../lib/ui/base-command.js';
import { dryRunFlag, forceFlag } from '../../lib/ui/flags.js';
import { applyText } from '../../lib/ui/package-text.js';

/** What `ota apply --json` prints. */
interface ApplyReport {
  package: string;
  digest: string;
  version: string;
  dryRun: boolean;
  applied: AppliedComponent[];
}

export default class Apply extends BaseCommand {
  static override summary = 'Make the new image from a package and the installed one.';

  static override description =
    'Verifies the package as `ota verify` does, then applies the delta that fits the base, or the full image. ' +
    'The output appears complete and with the signed hash, or not at all; of several components all appear or none.\n\n' +
    'Exits 3 when too few trusted keys signed the package, 4 when it is malformed or does not make the signed ' +
    'image, 5 when policy refuses it or no payload fits the base, 6 when the output cannot be written, ' +
    '8 when the output exists, 9 when a limit is exceeded.';

  static override examples = [
    {
      description: 'Make the image of release 2.1 from that of 2.0:',
      command: '<%= config.bin %> <%= command.id %> app-2.1.ota --key release.pub --base app-2.0.bin --out app-2.1.bin',
    },
    {
      description: 'Two components, checked without writing:',
      command:
        '<%= config.bin %> <%= command.id %> car-7.ota --trust root.json --base app=app-6.bin --base modem=modem-6.bin ' +
        '--out app=app-7.bin --out modem=modem-7.bin --dry-run',
    },
  ];

  static override args = {
    package: Args.string({ description: 'Package: a path, - for stdin, or an http(s) address.', required: true }),
  };

  static override flags = {
    ...trustFlags,
    base: baseFlag({ summary: 'Installed image. Repeatable, one for each component.' }),
    out: Flags.string({
      char: 'o',
      summary: 'Where the new image goes. Repeatable, one for each component.',
      helpValue: '[COMPONENT=]FILE',
      required: true,
      multiple: true,
      multipleNonGreedy: true,
    }),
    device: deviceFlag,
    'no-full-fallback': noFullFallbackFlag,
    force: forceFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<ApplyReport> {
    const { args, flags } = await this.parse(Apply);
    const { signal, onArrival } = this;
    const input = { http: httpPolicyFromEnvironment(process.env), stdin: process.stdin, onArrival, signal };
    const noFullFallback = flags['no-full-fallback'];
    const dryRun = flags['dry-run'];

    const anchor = await openTrustAnchor(trustAnchorSpec(flags));
    const device = flags.device === undefined ? undefined : await readDeviceState(flags.device);
    const time = { now: timeOf(systemClock.now(), device), allowTestKeys: flags['allow-test-keys'] };
    await using file = await openAuthenticPackage(args.package, { ...input, ...time, anchor });
    const { pkg } = file;
    requirePolicy(pkg, { now: time.now, device, noFullFallback });

    await using bases = await openImages(flags.base ?? [], pkg.metadata, input);
    const applying = this.progress(dryRun ? 'Applying in memory' : 'Applying', {
      totalBytes: targetBytesOf(pkg.metadata),
    });
    const applied = await applyPackage({
      pkg,
      bases: bases.images,
      outputs: byComponent(flags.out, onlyComponent(pkg.metadata), '--out'),
      noFullFallback,
      force: flags.force,
      dryRun,
      signal,
      onBytes: applying.update,
    });
    applying.done();
    for (const { component, fullFallback } of applied) {
      if (fullFallback) this.warnUser(`component ${component}: no delta fits its base, so the full image was used`);
    }
    const report = { package: pkg.name, digest: pkg.digest, version: pkg.metadata.version, dryRun, applied };
    this.print(applyText(report));
    return report;
  }
}
