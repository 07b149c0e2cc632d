import { Args, Flags } from '@oclif/core';
import { previousFlag } from '../../../cli/edit-root.js';
import { OtaError } from '../../../lib/core/errors.js';
import { attachSignatures, withSignable } from '../../../lib/package/sign.js';
import { type SignReport, signReport } from '../../../lib/package/sign-report.js';
import { readDetachedSignature } from '../../../lib/trust/detached-signature.js';
import { readPublicKey } from '../../../lib/trust/public-key.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { dryRunFlag, forceFlag } from '../../../lib/ui/flags.js';
import { signReportText } from '../../../lib/ui/sign-text.js';

export default class SignAttach extends BaseCommand {
  static override summary = 'Add signatures that were made elsewhere.';

  static override description =
    'Takes the files that `ota sign REQUEST` writes, and raw signatures of other tools (64 bytes, or their base64 or ' +
    'hex) together with --public. Each must be over exactly this file and verify under its key. Signatures may come in ' +
    'any order and over several runs; those that are there already change nothing.\n\n' +
    'Exits 3 when a signature does not verify, 4 when it is over another file, 8 when the output exists or ' +
    'somebody else is signing the file, ' +
    '16 when a file does not exist.';

  static override examples = [
    {
      description: 'Add two signatures:',
      command: '<%= config.bin %> <%= command.id %> app-2.1.ota ann.sig.json ben.sig.json',
    },
    {
      description: 'Add a raw signature of another tool:',
      command: '<%= config.bin %> <%= command.id %> app-2.1.ota --signature kms.sig --public release.pub',
    },
  ];

  // Further words are signature files, so that the shell may expand *.sig.json.
  static override strict = false;

  static override usage = '<%= command.id %> FILE [SIGNATURE...] [--signature FILE...] [--public FILE...]';

  static override args = { file: Args.file({ description: 'Package or trust root.', required: true }) };

  static override flags = {
    signature: Flags.file({
      char: 's',
      summary: 'Signature file. Repeatable.',
      helpValue: 'FILE',
      multiple: true,
      multipleNonGreedy: true,
    }),
    public: Flags.file({
      summary: 'Public key of a raw signature. Repeatable.',
      helpValue: 'FILE',
      multiple: true,
      multipleNonGreedy: true,
    }),
    previous: previousFlag,
    out: Flags.file({ char: 'o', summary: 'Where the signed file goes [default: in place].', helpValue: 'FILE' }),
    force: forceFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<SignReport> {
    const { args, argv, flags } = await this.parse(SignAttach);
    const { signal } = this;
    const { out: outPath, force, 'dry-run': dryRun } = flags;
    const paths = [...argv.slice(1).map(String), ...(flags.signature ?? [])];
    if (paths.length === 0) {
      throw new OtaError('USAGE', 'no signature to attach was given', [
        'Name the files that `ota sign REQUEST` wrote.',
      ]);
    }
    const keys = await Promise.all((flags.public ?? []).map(readPublicKey));
    const writing = { outPath, force, dryRun, signal };
    const report = await withSignable(args.file, { ...writing, previousPath: flags.previous }, async (signable) => {
      const detached = await Promise.all(paths.map((path) => readDetachedSignature(path, signable.request, keys)));
      for (const { name, publicKey } of detached) {
        if (publicKey.isTest) this.warnUser(`${name}: key ${publicKey.keyid} is marked as a test key`);
      }
      const progress = this.progress('Checking payloads');
      const result = await attachSignatures(signable, detached, { ...writing, onBytes: progress.update });
      progress.done();
      return signReport(signable, result, dryRun);
    });
    this.print(signReportText(report));
    return report;
  }
}
