import { Args } from '@oclif/core';
import { baseFlag, deviceFlag, noFullFallbackFlag } from '../../cli/package-flags.js';
import { readDevice, trustsOwnRoot } from '../../cli/read-device.js';
import { trustAnchorSpec, trustFlags } from '../../cli/trust-flags.js';
import { systemClock } from '../../lib/core/clock.js';
import { httpPolicyFromEnvironment } from '../../lib/net/http-policy.js';
import { openImages } from '../../lib/package/open-images.js';
import { openAuthenticPackage } from '../../lib/package/open-package.js';
import { timeOf } from '../../lib/package/policy-checks.js';
import { deviceRootAnchor, openTrustAnchor } from '../../lib/package/trust-anchor.js';
import { requirePolicy, selectForBases, verifyPayloads, verifyTargets } from '../../lib/package/verify.js';
import { type VerifyReport, verifyReport } from '../../lib/package/verify-report.js';
import { BaseCommand } from '../../lib/ui/base-command.js';
import { verifyText } from '../../lib/ui/package-text.js';

export default class Verify extends BaseCommand {
  static override summary = 'Check a package against the keys you trust.';

  static override description =
    'Checks framing, signatures, metadata, policy and every payload, in this order, and writes nothing. ' +
    'With --base it also applies the package in memory and checks the result; with --device it judges ' +
    'the package as that device would, which in its folder also has the trust root, if none is named.\n\n' +
    'Exits 3 when too few trusted keys signed it, 4 when it is malformed or a payload differs from its ' +
    'metadata, 5 when policy refuses it or no payload fits the base, 9 when it exceeds a limit.';

  static override examples = [
    {
      description: 'Require two of three release keys:',
      command:
        '<%= config.bin %> <%= command.id %> app-2.1.ota --key a.pub --key b.pub --key c.pub --threshold 2 --product meter',
    },
    {
      description: 'Also prove that it turns the installed image into the signed one, for a script:',
      command: '<%= config.bin %> <%= command.id %> app-2.1.ota --trust root.json --base app-2.0.bin --json',
    },
  ];

  static override args = {
    package: Args.string({ description: 'Package: a path, - for stdin, or an http(s) address.', required: true }),
  };

  static override flags = {
    ...trustFlags,
    base: baseFlag({ summary: 'Installed image to apply the package to, in memory. Repeatable.' }),
    device: deviceFlag,
    'no-full-fallback': noFullFallbackFlag,
  };

  async run(): Promise<VerifyReport> {
    const { args, flags } = await this.parse(Verify);
    const { signal, onArrival } = this;
    const input = { http: httpPolicyFromEnvironment(process.env), stdin: process.stdin, onArrival, signal };

    const judge = flags.device === undefined ? undefined : await readDevice(flags.device);
    const device = judge?.state;
    const spec = trustAnchorSpec(flags);
    const byOwnRoot = judge !== undefined && trustsOwnRoot(judge, spec);
    const anchor = byOwnRoot ? deviceRootAnchor(judge.state.trustRoot, spec.product) : await openTrustAnchor(spec);
    const allowTestKeys = flags['allow-test-keys'] || (byOwnRoot && judge.acceptsTestKeys);
    const time = { now: timeOf(systemClock.now(), device), allowTestKeys };
    const policy = { now: time.now, noFullFallback: flags['no-full-fallback'] };
    await using file = await openAuthenticPackage(args.package, { ...input, ...time, anchor });
    const { pkg } = file;
    const verdict = requirePolicy(pkg, { ...policy, device });

    const reading = this.progress('Checking payloads', { totalBytes: file.size });
    await verifyPayloads(pkg.payloads, { signal, onBytes: reading.update });
    reading.done();

    const report = verifyReport(pkg, verdict);
    if (flags.base !== undefined) {
      await using bases = await openImages(flags.base, pkg.metadata, input);
      const selected = await selectForBases(pkg, bases.images, { ...policy, signal });
      const applying = this.progress('Applying in memory', { totalBytes: report.targetBytes });
      await verifyTargets(selected, bases.images, { signal, onBytes: applying.update });
      applying.done();
      report.applied = selected.map(({ entry }) => ({ component: entry.component, file: entry.file }));
    }
    this.print(await verifyText(report));
    return report;
  }
}
