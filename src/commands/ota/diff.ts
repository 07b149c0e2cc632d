import { Args, Flags } from '@oclif/core';
import { EXIT_STATUS } from '../../lib/core/errors.js';
import { httpPolicyFromEnvironment } from '../../lib/net/http-policy.js';
import { diffContents, diffPackages, type PackageDifference } from '../../lib/package/diff.js';
import { inspectContainer } from '../../lib/package/inspect.js';
import { openPackage } from '../../lib/package/open-package.js';
import { BaseCommand } from '../../lib/ui/base-command.js';
import { diffText } from '../../lib/ui/diff-text.js';

/** What `ota diff --json` prints. */
interface DiffReport {
  equal: boolean;
  differences: PackageDifference[];
}

export default class Diff extends BaseCommand {
  static override summary = 'Show how two packages differ.';

  static override description =
    'Compares release fields, policy, payloads, signatures and contents. Long values are cut in the text, --json has all. Nothing is verified; run `ota verify` for that.\n\n' +
    'Exits 0 when they are equal and 17 when they differ; 4 when one of them is malformed.';

  static override examples = [
    {
      description: 'What would this release change?',
      command: '<%= config.bin %> <%= command.id %> app-2.0.ota app-2.1.ota',
    },
    {
      description: 'Was this package rebuilt from the same inputs?',
      command: '<%= config.bin %> <%= command.id %> ours.ota theirs.ota --ignore-signatures --json',
    },
  ];

  static override args = {
    from: Args.string({ description: 'First package: a path, -, or an http(s) address.', required: true }),
    to: Args.string({ description: 'Second package.', required: true }),
  };

  static override flags = {
    'ignore-signatures': Flags.boolean({ summary: 'Compare everything but who signed.', default: false }),
  };

  async run(): Promise<DiffReport> {
    const { args, flags } = await this.parse(Diff);
    const { signal, onArrival } = this;
    const input = { http: httpPolicyFromEnvironment(process.env), stdin: process.stdin, onArrival, signal };
    await using from = await openPackage(args.from, input);
    await using to = await openPackage(args.to, input);
    const [a, b] = [inspectContainer(from.container), inspectContainer(to.container)];
    const found = [...diffPackages(a, b), ...(await diffContents(a, b, signal))];
    const differences = flags['ignore-signatures'] ? found.filter(({ area }) => area !== 'signature') : found;
    const equal = differences.length === 0;
    this.print(equal ? 'equal' : await diffText(differences));
    if (!equal) process.exitCode = EXIT_STATUS.DIFFERENT;
    return { equal, differences };
  }
}
