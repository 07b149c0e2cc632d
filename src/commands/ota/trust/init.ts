import { Flags } from '@oclif/core';
import { signFlag } from '../../../cli/edit-root.js';
import { openSigners, signerFlags } from '../../../cli/signing.js';
import { systemClock } from '../../../lib/core/clock.js';
import { parseExpiry } from '../../../lib/trust/expiry.js';
import { readNamedKey } from '../../../lib/trust/public-key.js';
import { ROOT_ROLE, releaseRole } from '../../../lib/trust/role-name.js';
import { newRoot } from '../../../lib/trust/root-edit.js';
import { createRootFile, defaultRootPath } from '../../../lib/trust/root-file.js';
import { type RootReport, rootReport } from '../../../lib/trust/root-report.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { dryRunFlag, forceFlag } from '../../../lib/ui/flags.js';
import { rootReportText } from '../../../lib/ui/trust-text.js';

const keyFiles = { helpValue: 'FILE', multiple: true, multipleNonGreedy: true } as const;

export default class TrustInit extends BaseCommand {
  static override summary = 'Start a trust root: who may sign packages, and who may change that.';

  static override description =
    'Root keys sign trust roots and stay offline; release keys sign packages of one product. Give the first root to ' +
    'devices and verifiers; later versions follow from it by signatures. More products and keys: `ota trust add`.\n\n' +
    'Exits 2 when a threshold cannot be met, 3 for a bad key or signer, 8 when the output exists.';

  static override examples = [
    {
      description: 'One root key, one release key, signed at once:',
      command:
        '<%= config.bin %> <%= command.id %> --root-key ann.pub --product meter --release-key ci.pub --sign ann.key',
    },
    {
      description: 'Two of three root keys, signed later by two people:',
      command:
        '<%= config.bin %> <%= command.id %> --root-key ann.pub --root-key ben.pub --root-key eve.pub --root-threshold 2 ' +
        '--product meter --release-key ci.pub --expires 2y --out trust/root.1.json',
    },
  ];

  static override flags = {
    'root-key': Flags.file({
      summary: 'Public key that may sign trust roots. Repeatable.',
      required: true,
      ...keyFiles,
    }),
    'root-threshold': Flags.integer({ summary: 'Root keys that must sign.', helpValue: 'N', min: 1, default: 1 }),
    product: Flags.string({
      summary: 'Product that the release keys may sign. Repeatable.',
      helpValue: 'NAME',
      multiple: true,
      multipleNonGreedy: true,
      dependsOn: ['release-key'],
    }),
    'release-key': Flags.file({
      summary: 'Public key that may sign packages of the products. Repeatable.',
      dependsOn: ['product'],
      ...keyFiles,
    }),
    'release-threshold': Flags.integer({ summary: 'Release keys that must sign.', helpValue: 'N', min: 1, default: 1 }),
    expires: Flags.string({
      summary: 'When the root expires: 90d, 18mo, 2y, or a date.',
      helpValue: 'WHEN',
      default: '1y',
    }),
    out: Flags.file({
      char: 'o',
      summary: 'Where the trust root goes.',
      helpValue: 'FILE',
      default: defaultRootPath(1),
    }),
    force: forceFlag,
    'dry-run': dryRunFlag,
    sign: signFlag,
    ...signerFlags,
  };

  async run(): Promise<RootReport> {
    const { flags } = await this.parse(TrustInit);
    const rootKeys = await Promise.all(flags['root-key'].map(readNamedKey));
    const releaseKeys = await Promise.all((flags['release-key'] ?? []).map(readNamedKey));
    const signed = newRoot(
      [
        { role: ROOT_ROLE, keys: rootKeys, threshold: flags['root-threshold'] },
        ...(flags.product ?? []).map((product) => ({
          role: releaseRole(product),
          keys: releaseKeys,
          threshold: flags['release-threshold'],
        })),
      ],
      parseExpiry(flags.expires, systemClock.now()),
    );
    const surroundings = { signal: this.signal, warn: (text: string) => this.warnUser(text) };
    const written = await createRootFile(signed, flags.out, {
      signers: await openSigners(flags.sign ?? [], flags, surroundings),
      force: flags.force,
      dryRun: flags['dry-run'],
      signal: this.signal,
    });
    const report = rootReport(written, flags['dry-run']);
    this.print(rootReportText(report));
    return report;
  }
}
