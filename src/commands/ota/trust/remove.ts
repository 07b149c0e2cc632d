import { Flags } from '@oclif/core';
import { editRoot, ROOT_EDIT_HELP, rootArg, rootEditFlags } from '../../../cli/edit-root.js';
import { OtaError } from '../../../lib/core/errors.js';
import { findKey } from '../../../lib/trust/key-reference.js';
import { removeKey, removeRole } from '../../../lib/trust/root-edit.js';
import type { RootReport } from '../../../lib/trust/root-report.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { rootReportText } from '../../../lib/ui/trust-text.js';

export default class TrustRemove extends BaseCommand {
  static override summary = 'Take a key out of its roles, or end a role.';

  static override description =
    `Devices that have followed to the new root refuse what the key signs. Without --role the key leaves every ` +
    `role it has; without --key the whole role ends. ${ROOT_EDIT_HELP}`;

  static override examples = [
    {
      description: 'Revoke a key by the first digits of its id:',
      command: '<%= config.bin %> <%= command.id %> root.1.json --key 9f2c41d8 --sign ann.key',
    },
    {
      description: 'Nobody may sign this product any more:',
      command: '<%= config.bin %> <%= command.id %> root.1.json --role release:meter --sign ann.key',
    },
  ];

  static override args = { root: rootArg };

  static override flags = {
    key: Flags.string({ summary: 'Key id (8 digits or more), its name in the root, or its file.', helpValue: 'KEY' }),
    role: Flags.string({ summary: 'root, or release:PRODUCT.', helpValue: 'ROLE' }),
    ...rootEditFlags,
  };

  static override usage = '<%= command.id %> ROOT (--key KEY [--role ROLE] | --role ROLE) [--sign FILE...]';

  async run(): Promise<RootReport> {
    const { args, flags } = await this.parse(TrustRemove);
    const { key, role } = flags;
    const report = await editRoot(
      args.root,
      flags,
      async (root) => {
        if (key !== undefined) return removeKey(await findKey(root, key), role);
        if (role !== undefined) return removeRole(role);
        throw new OtaError('USAGE', 'nothing to remove was named', ['Give --key, --role, or both.']);
      },
      { signal: this.signal, warn: (text) => this.warnUser(text) },
    );
    this.print(rootReportText(report));
    return report;
  }
}
