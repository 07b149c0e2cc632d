import { Args, Flags } from '@oclif/core';
import { editRoot, ROOT_EDIT_HELP, rootArg, rootEditFlags } from '../../../cli/edit-root.js';
import { OtaError } from '../../../lib/core/errors.js';
import { parseExpiry } from '../../../lib/trust/expiry.js';
import { findKey } from '../../../lib/trust/key-reference.js';
import { setKeyExpiry, setRootExpiry } from '../../../lib/trust/root-edit.js';
import type { RootReport } from '../../../lib/trust/root-report.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { rootReportText } from '../../../lib/ui/trust-text.js';

const { expires: _, ...withoutExpires } = rootEditFlags;

export default class TrustExpire extends BaseCommand {
  static override summary = 'Set when a trust root, or one of its keys, expires.';

  static override description =
    'A root must expire, so that a device cannot be kept on an old one for ever; renew it in time, and let packages ' +
    `carry the new one. A key may expire, unless it signs roots. ${ROOT_EDIT_HELP}`;

  static override examples = [
    {
      description: 'Renew a root for a year from now:',
      command: '<%= config.bin %> <%= command.id %> root.1.json 1y --sign ann.key',
    },
    {
      description: 'Let the key of a contractor end with the contract:',
      command: '<%= config.bin %> <%= command.id %> root.1.json 2027-03-31 --key contractor --sign ann.key',
    },
  ];

  static override args = {
    root: rootArg,
    when: Args.string({
      description: '90d, 12w, 18mo, 2y, a date, an RFC 3339 time; never (keys only).',
      required: true,
    }),
  };

  static override flags = {
    key: Flags.string({
      summary: 'A key instead of the root: key id (8 digits or more), its name in the root, or its public key file.',
      helpValue: 'KEY',
    }),
    ...withoutExpires,
  };

  async run(): Promise<RootReport> {
    const { args, flags } = await this.parse(TrustExpire);
    const { key } = flags;
    const report = await editRoot(
      args.root,
      flags,
      async (root, now) => {
        const expiresAt = args.when === 'never' ? undefined : parseExpiry(args.when, now);
        if (key !== undefined) return setKeyExpiry(await findKey(root, key), expiresAt);
        if (expiresAt) return setRootExpiry(expiresAt);
        throw new OtaError('USAGE', 'a trust root must expire', ['Give a time, for example 1y.']);
      },
      { signal: this.signal, warn: (text) => this.warnUser(text) },
    );
    this.print(rootReportText(report));
    return report;
  }
}
