import { Args, Flags } from '@oclif/core';
import { httpPolicyFromEnvironment } from '../../lib/net/http-policy.js';
import { extractParts } from '../../lib/package/extract.js';
import { type InspectReport, inspectContainer, inspectReport } from '../../lib/package/inspect.js';
import { openPackage } from '../../lib/package/open-package.js';
import { BaseCommand } from '../../lib/ui/base-command.js';
import { dryRunFlag, forceFlag } from '../../lib/ui/flags.js';
import { inspectText } from '../../lib/ui/inspect-text.js';

export default class Inspect extends BaseCommand {
  static override summary = 'Show what a package says, without trusting it.';

  static override description =
    'Reads framing and metadata; nothing it prints is verified, which is why everything is marked UNVERIFIED. ' +
    'With --extract the parts are also written as files.\n\n' +
    'Exits 4 when the package is malformed, 6 when a part cannot be written, 8 when a part exists already, ' +
    '9 when it exceeds a limit.';

  static override examples = [
    { description: 'Show versions, bases and sizes:', command: '<%= config.bin %> <%= command.id %> app-2.1.ota' },
    {
      description: 'Take a package apart:',
      command: '<%= config.bin %> <%= command.id %> app-2.1.ota --extract parts/',
    },
  ];

  static override args = {
    package: Args.string({ description: 'Package: a path, - for stdin, or an http(s) address.', required: true }),
  };

  static override flags = {
    extract: Flags.directory({ summary: 'Write every part of the package into this folder.', helpValue: 'DIR' }),
    force: forceFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<InspectReport> {
    const { args, flags } = await this.parse(Inspect);
    const { signal, onArrival } = this;
    const http = httpPolicyFromEnvironment(process.env);
    await using file = await openPackage(args.package, { http, stdin: process.stdin, onArrival, signal });
    const report = inspectReport(file, inspectContainer(file.container));
    if (flags.extract !== undefined) {
      const options = { force: flags.force, dryRun: flags['dry-run'], signal };
      report.extracted = await extractParts(file.container, flags.extract, options);
    }
    this.print(await inspectText(report));
    return report;
  }
}
