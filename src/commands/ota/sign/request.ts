import { Args, Flags } from '@oclif/core';
import { previousFlag } from '../../../cli/edit-root.js';
import { writeFileAtomically } from '../../../lib/core/atomic-file.js';
import { openSignable } from '../../../lib/package/signable.js';
import { encodeSigningRequest } from '../../../lib/trust/signing-request.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { dryRunFlag, forceFlag } from '../../../lib/ui/flags.js';
import { signingRequestText } from '../../../lib/ui/sign-text.js';

/** What `ota sign request --json` prints. */
export interface RequestReport {
  kind: 'package' | 'root';
  file: string;
  out: string;
  /** SHA-256 of what is to be signed, hex. */
  sha256: string;
  dryRun: boolean;
  /** What it is, in words; nobody vouches for them. */
  unverified: readonly string[];
}

export default class SignRequest extends BaseCommand {
  static override summary = 'Write down what is to be signed, for a machine that holds the key.';

  static override description =
    'The request is a small JSON file. On the other machine `ota sign REQUEST --key KEY` shows what it asks for and ' +
    'signs it; any Ed25519 signer can sign its "message" (base64) as well. Bring the signatures back with ' +
    '`ota sign attach`, in any order. Payloads are checked first, so that nothing damaged is sent for signature.\n\n' +
    'Exits 4 when the file is malformed or damaged, 8 when the output exists, 16 when the file does not exist.';

  static override examples = [
    {
      description: 'Ask for signatures on a package:',
      command: '<%= config.bin %> <%= command.id %> app-2.1.ota --out request.json',
    },
    {
      description: 'Ask for signatures on a new trust root:',
      command: '<%= config.bin %> <%= command.id %> root.2.json --out request.json',
    },
  ];

  static override args = { file: Args.file({ description: 'Package or trust root.', required: true }) };

  static override flags = {
    out: Flags.file({ char: 'o', summary: 'Where the request goes.', helpValue: 'FILE', required: true }),
    previous: previousFlag,
    force: forceFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<RequestReport> {
    const { args, flags } = await this.parse(SignRequest);
    const { signal } = this;
    const { out, force, 'dry-run': dryRun } = flags;
    await using signable = await openSignable(args.file, flags.previous);
    const { kind, request, words } = signable;
    const progress = this.progress('Checking payloads');
    await signable.check({ signal, onBytes: progress.update });
    progress.done();
    if (!dryRun) await writeFileAtomically(out, encodeSigningRequest(request, words), { force, signal });
    const sha256 = Buffer.from(request.digest).toString('hex');
    const report = { kind, file: args.file, out, sha256, dryRun, unverified: words };
    this.print(signingRequestText(report));
    return report;
  }
}
