import { Args } from '@oclif/core';
import { editRoot, ROOT_EDIT_HELP, rootArg, rootEditFlags } from '../../../cli/edit-root.js';
import { OtaError } from '../../../lib/core/errors.js';
import { setThreshold } from '../../../lib/trust/root-edit.js';
import type { RootReport } from '../../../lib/trust/root-report.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { rootReportText } from '../../../lib/ui/trust-text.js';

/** oclif's own integer argument throws what looks like a bug of ours. */
function keyCount(text: string): number {
  if (/^[1-9][0-9]{0,3}$/.test(text)) return Number(text);
  throw new OtaError('USAGE', `"${text}" is not a number of keys`, ['Give a whole number from 1, for example 2.']);
}

export default class TrustThreshold extends BaseCommand {
  static override summary = 'Set how many keys of a role must sign.';

  static override description = ROOT_EDIT_HELP;

  static override examples = [
    {
      description: 'Require two signatures on every package of one product:',
      command: '<%= config.bin %> <%= command.id %> root.1.json release:meter 2 --sign ann.key',
    },
    {
      description: 'See what requiring three root keys would mean:',
      command: '<%= config.bin %> <%= command.id %> root.1.json root 3 --dry-run',
    },
  ];

  static override args = {
    root: rootArg,
    role: Args.string({ description: 'root, or release:PRODUCT.', required: true }),
    threshold: Args.custom<number>({ parse: async (text) => keyCount(text) })({
      description: 'Different keys that must sign.',
      required: true,
    }),
  };

  static override flags = rootEditFlags;

  async run(): Promise<RootReport> {
    const { args, flags } = await this.parse(TrustThreshold);
    const report = await editRoot(args.root, flags, () => setThreshold(args.role, args.threshold), {
      signal: this.signal,
      warn: (text) => this.warnUser(text),
    });
    this.print(rootReportText(report));
    return report;
  }
}
