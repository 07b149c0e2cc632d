import { Args, Flags } from '@oclif/core';
import { passphraseSource } from '../../../cli/signing.js';
import { writeFileAtomically } from '../../../lib/core/atomic-file.js';
import { readKeyFile } from '../../../lib/trust/key-report.js';
import { publicKeyPem } from '../../../lib/trust/public-key.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { dryRunFlag, forceFlag, passphraseFlags } from '../../../lib/ui/flags.js';

/** What `ota keys public --json` prints. */
export interface PublicHalf {
  keyid: string;
  test: boolean;
  pem: string;
  /** Where it was written, or would be; absent when only printed. */
  out?: string;
  dryRun: boolean;
}

export default class KeysPublic extends BaseCommand {
  static override summary = 'Write the public half of a private key.';

  static override description =
    'Prints PEM on stdout, or writes it to --out. The mark of a test key goes along.\n\n' +
    'Exits 3 when the file is no Ed25519 key or the passphrase is wrong, 8 when the output exists, 16 when the key ' +
    'does not exist.';

  static override examples = [
    { description: 'Print it:', command: '<%= config.bin %> <%= command.id %> release.key' },
    {
      description: 'Write it to a file:',
      command: '<%= config.bin %> <%= command.id %> release.key --passphrase-env RELEASE_PASSPHRASE --out release.pub',
    },
  ];

  static override args = { key: Args.file({ description: 'Private key file, PEM.', required: true }) };

  static override flags = {
    out: Flags.file({ char: 'o', summary: 'Where the public key goes [default: stdout].', helpValue: 'FILE' }),
    ...passphraseFlags,
    force: forceFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<PublicHalf> {
    const { args, flags } = await this.parse(KeysPublic);
    const { out, force, 'dry-run': dryRun } = flags;
    const { publicKey } = await readKeyFile(args.key, passphraseSource(flags, this.signal));
    const pem = publicKeyPem(publicKey);
    if (out === undefined) this.print(pem.trimEnd());
    else if (!dryRun) await writeFileAtomically(out, Buffer.from(pem), { force, mode: 0o644, signal: this.signal });
    if (out !== undefined) this.note(`${dryRun ? 'Would write' : 'Wrote'} ${out}: public key ${publicKey.keyid}`);
    return { keyid: publicKey.keyid, test: publicKey.isTest, pem, ...(out === undefined ? {} : { out }), dryRun };
  }
}
