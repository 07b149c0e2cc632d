import { Flags } from '@oclif/core';
import { editRoot, ROOT_EDIT_HELP, rootArg, rootEditFlags } from '../../../cli/edit-root.js';
import { parseExpiry } from '../../../lib/trust/expiry.js';
import { findKey } from '../../../lib/trust/key-reference.js';
import { nameOfKeyFile, readPublicKey } from '../../../lib/trust/public-key.js';
import { rotateKey } from '../../../lib/trust/root-edit.js';
import type { RootReport } from '../../../lib/trust/root-report.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { rootReportText } from '../../../lib/ui/trust-text.js';

export default class TrustRotate extends BaseCommand {
  static override summary = 'Replace a key by a new one in every role it has.';

  static override description = `Thresholds stay as they are. ${ROOT_EDIT_HELP}`;

  static override examples = [
    {
      description: 'Replace the release key; the root key signs the change:',
      command: '<%= config.bin %> <%= command.id %> root.1.json --old ci-2026.pub --new ci-2027.pub --sign ann.key',
    },
    {
      description: 'Replace a root key: the old and the new one both sign:',
      command:
        '<%= config.bin %> <%= command.id %> root.2.json --old ann.pub --new ann2.pub --sign ann.key --sign ann2.key',
    },
  ];

  static override args = { root: rootArg };

  static override flags = {
    old: Flags.string({
      summary: 'Key to replace: key id (8 digits or more), its name in the root, or its public key file.',
      helpValue: 'KEY',
      required: true,
    }),
    new: Flags.file({ summary: 'Public key that takes its place, PEM.', helpValue: 'FILE', required: true }),
    name: Flags.string({
      summary: 'Owner or purpose of the new key [default: the name of its file].',
      helpValue: 'TEXT',
    }),
    'key-expires': Flags.string({
      summary: 'When the new key expires: 90d, 18mo, 2y, or a date. Not for root keys.',
      helpValue: 'WHEN',
    }),
    ...rootEditFlags,
  };

  async run(): Promise<RootReport> {
    const { args, flags } = await this.parse(TrustRotate);
    const { 'key-expires': keyExpires } = flags;
    const key = await readPublicKey(flags.new);
    const report = await editRoot(
      args.root,
      flags,
      async (root, now) =>
        rotateKey(await findKey(root, flags.old), key, {
          name: flags.name ?? nameOfKeyFile(flags.new),
          expiresAt: keyExpires === undefined ? undefined : parseExpiry(keyExpires, now),
        }),
      { signal: this.signal, warn: (text) => this.warnUser(text) },
    );
    this.print(rootReportText(report));
    return report;
  }
}
