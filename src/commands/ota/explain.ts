import { Args, Flags } from '@oclif/core';
import { noFullFallbackFlag } from '../../cli/package-flags.js';
import { readDevice, trustsOwnRoot } from '../../cli/read-device.js';
import { trustAnchorSpec, trustFlags } from '../../cli/trust-flags.js';
import { systemClock } from '../../lib/core/clock.js';
import { httpPolicyFromEnvironment } from '../../lib/net/http-policy.js';
import { type ExplainReport, explainPackage, explainReport, trustForDevice } from '../../lib/package/explain.js';
import { openPackage } from '../../lib/package/open-package.js';
import { timeOf } from '../../lib/package/policy-checks.js';
import { BaseCommand } from '../../lib/ui/base-command.js';
import { explainText } from '../../lib/ui/explain-text.js';

export default class Explain extends BaseCommand {
  static override summary = 'Tell whether a device would accept a package, and every reason why not.';

  static override description =
    'Judges the package by a device, or by a file that tells the state of one: signatures (under --key, --trust, or ' +
    'the trust root that the device has), product, model, hardware revision, sequence, security counter, expiry, ' +
    'base, resources, dependencies. Every failed check is listed, not only the first.\n\n' +
    'Exits 0 when the device would accept it; else with the status of the first failed check: 3 for signatures, ' +
    '5 for policy. Exits 4 when the package or the state is malformed.';

  static override examples = [
    {
      description: 'Before uploading a release:',
      command: '<%= config.bin %> <%= command.id %> app-2.1.ota --device device-4711.json --trust root.json',
    },
    {
      description: 'Could this device go back to the release before?',
      command:
        '<%= config.bin %> <%= command.id %> app-2.0.ota --device device-4711.json --key release.pub --rollback --json',
    },
  ];

  static override args = {
    package: Args.string({ description: 'Package: a path, - for stdin, or an http(s) address.', required: true }),
  };

  static override flags = {
    ...trustFlags,
    device: Flags.file({
      char: 'd',
      summary: 'Device (folder) or device state (JSON) to judge the package by.',
      helpValue: 'DIR|FILE',
      required: true,
    }),
    rollback: Flags.boolean({ summary: 'Judge an explicit return to a release that ran before.', default: false }),
    'no-full-fallback': noFullFallbackFlag,
  };

  async run(): Promise<ExplainReport> {
    const { args, flags } = await this.parse(Explain);
    const { signal, onArrival } = this;
    const judge = await readDevice(flags.device);
    const device = judge.state;
    if (judge.pending !== undefined) this.warnUser(`${judge.pending}: until then it takes no package`);
    const spec = trustAnchorSpec(flags);
    const allowTestKeys = flags['allow-test-keys'] || (judge.acceptsTestKeys && trustsOwnRoot(judge, spec));
    const now = timeOf(systemClock.now(), device);
    const http = httpPolicyFromEnvironment(process.env);
    await using file = await openPackage(args.package, { http, stdin: process.stdin, onArrival, signal });
    const explanation = explainPackage(file.container, {
      device,
      trust: await trustForDevice(file.container, device, spec, { now, allowTestKeys }),
      now,
      intent: flags.rollback ? 'rollback' : 'install',
      noFullFallback: flags['no-full-fallback'],
      allowTestKeys,
    });
    const report = explainReport(file.container.name, explanation);
    this.print(explainText(report));
    process.exitCode = report.exitStatus;
    return report;
  }
}
