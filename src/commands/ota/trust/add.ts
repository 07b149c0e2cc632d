import { Flags } from '@oclif/core';
import { editRoot, ROOT_EDIT_HELP, rootArg, rootEditFlags } from '../../../cli/edit-root.js';
import { parseExpiry } from '../../../lib/trust/expiry.js';
import { nameOfKeyFile, readPublicKey } from '../../../lib/trust/public-key.js';
import { addKey, setThreshold } from '../../../lib/trust/root-edit.js';
import type { RootReport } from '../../../lib/trust/root-report.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { rootReportText } from '../../../lib/ui/trust-text.js';

export default class TrustAdd extends BaseCommand {
  static override summary = 'Let one more key sign for a role.';

  static override description = `A role that is new is created, with a threshold of 1. ${ROOT_EDIT_HELP}`;

  static override examples = [
    {
      description: 'Let the build server sign packages of one more product:',
      command: '<%= config.bin %> <%= command.id %> root.1.json --role release:meter --key ci.pub --sign ann.key',
    },
    {
      description: 'Add a second root key and require both:',
      command:
        '<%= config.bin %> <%= command.id %> root.1.json --role root --key ben.pub --threshold 2 --sign ann.key --sign ben.key',
    },
  ];

  static override args = { root: rootArg };

  static override flags = {
    role: Flags.string({ summary: 'root, or release:PRODUCT.', helpValue: 'ROLE', required: true }),
    key: Flags.file({ summary: 'Public key, PEM.', helpValue: 'FILE', required: true }),
    name: Flags.string({ summary: 'Owner or purpose of the key [default: the name of its file].', helpValue: 'TEXT' }),
    'key-expires': Flags.string({
      summary: 'When the key expires: 90d, 18mo, 2y, or a date. Not for root keys.',
      helpValue: 'WHEN',
    }),
    threshold: Flags.integer({ summary: 'Keys of the role that must sign from now on.', helpValue: 'N', min: 1 }),
    ...rootEditFlags,
  };

  async run(): Promise<RootReport> {
    const { args, flags } = await this.parse(TrustAdd);
    const { role, threshold, 'key-expires': keyExpires } = flags;
    const key = await readPublicKey(flags.key);
    const report = await editRoot(
      args.root,
      flags,
      (_root, now) => {
        const add = addKey(role, key, {
          name: flags.name ?? nameOfKeyFile(flags.key),
          expiresAt: keyExpires === undefined ? undefined : parseExpiry(keyExpires, now),
        });
        return (signed) => (threshold === undefined ? add(signed) : setThreshold(role, threshold)(add(signed)));
      },
      { signal: this.signal, warn: (text) => this.warnUser(text) },
    );
    this.print(rootReportText(report));
    return report;
  }
}
