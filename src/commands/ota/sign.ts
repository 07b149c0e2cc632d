import { Args, Flags } from '@oclif/core';
import { previousFlag } from '../../cli/edit-root.js';
import { openSigners, signerFlags } from '../../cli/signing.js';
import { OtaError } from '../../lib/core/errors.js';
import { type AnsweredRequest, answerRequest } from '../../lib/package/answer-request.js';
import { signFile, withSignable } from '../../lib/package/sign.js';
import { type SignReport, signReport } from '../../lib/package/sign-report.js';
import { readSigningRequest } from '../../lib/package/signable.js';
import { BaseCommand } from '../../lib/ui/base-command.js';
import { dryRunFlag, forceFlag } from '../../lib/ui/flags.js';
import { answeredRequestText, signReportText } from '../../lib/ui/sign-text.js';

export default class Sign extends BaseCommand {
  static override summary = 'Add a signature to a package, a trust root, or a signing request.';

  static override description =
    'A package or a trust root is signed in place unless --out is given; nothing in it changes but its signatures, and ' +
    'signing twice with one key changes nothing. For a signing request the signature becomes a file of its own, for ' +
    '`ota sign attach`.\n\n' +
    'With --signer-command the key stays in an HSM or KMS: /bin/sh runs the command with the bytes to sign on stdin, ' +
    'and it prints the signature (64 raw bytes, or their base64 or hex) on stdout, as does ' +
    '`openssl pkeyutl -sign -rawin -inkey KEY -in /dev/stdin`.\n\n' +
    'Exits 2 without a key, 3 when the key or the signer fails, 4 when the file is malformed or damaged, ' +
    '8 when the output exists or somebody else is signing the file.';

  static override examples = [
    {
      description: 'Add the second of two signatures:',
      command: '<%= config.bin %> <%= command.id %> app-2.1.ota --key ben.key',
    },
    {
      description: 'Sign with a key that a program of yours reaches:',
      command: '<%= config.bin %> <%= command.id %> app-2.1.ota --public hsm.pub --signer-command ./hsm-sign.sh',
    },
    {
      description: 'Sign a request on the machine that holds the key:',
      command: '<%= config.bin %> <%= command.id %> request.json --key ann.key --out ann.sig.json',
    },
  ];

  static override args = {
    file: Args.file({ description: 'Package, trust root, or signing request.', required: true }),
  };

  static override flags = {
    key: Flags.file({
      char: 'k',
      summary: 'Private key, PEM. Repeatable.',
      helpValue: 'FILE',
      multiple: true,
      multipleNonGreedy: true,
    }),
    ...signerFlags,
    previous: previousFlag,
    out: Flags.file({
      char: 'o',
      summary: 'Where the signed file goes [default: in place; NAME.KEYID.sig.json for a request].',
      helpValue: 'FILE',
    }),
    force: forceFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<SignReport | AnsweredRequest> {
    const { args, flags } = await this.parse(Sign);
    const { signal } = this;
    const { out: outPath, force, 'dry-run': dryRun } = flags;
    const keyPaths = flags.key ?? [];
    if (keyPaths.length === 0 && flags['signer-command'] === undefined) {
      throw new OtaError('USAGE', 'no key to sign with was given', [
        'Add --key PRIVATE.key, or --signer-command CMD with --public PUBLIC.pub.',
      ]);
    }
    const request = await readSigningRequest(args.file);
    const signers = await openSigners(keyPaths, flags, { signal, warn: (text) => this.warnUser(text) });
    if (request) {
      const answered = await answerRequest(request, args.file, { signers, outPath, force, dryRun, signal });
      this.print(answeredRequestText(answered));
      return answered;
    }
    const writing = { outPath, force, dryRun, signal };
    const report = await withSignable(args.file, { ...writing, previousPath: flags.previous }, async (signable) => {
      const progress = this.progress('Checking payloads');
      const result = await signFile(signable, { ...writing, signers, onBytes: progress.update });
      progress.done();
      return signReport(signable, result, dryRun);
    });
    this.print(signReportText(report));
    return report;
  }
}
