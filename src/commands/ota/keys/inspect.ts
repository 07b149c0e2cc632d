import { Args } from '@oclif/core';
import { passphraseSource } from '../../../cli/signing.js';
import { type KeyView, readKeyFile } from '../../../lib/trust/key-report.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { passphraseFlags } from '../../../lib/ui/flags.js';
import { keyViewText } from '../../../lib/ui/trust-text.js';

export default class KeysInspect extends BaseCommand {
  static override summary = 'Show what a key file is: kind, key id, marks. Never the key itself.';

  static override description =
    'Takes private and public keys. The key id is the SHA-256 of the public key in its SubjectPublicKeyInfo form: ' +
    '`openssl pkey -pubin -in KEY.pub -outform DER | sha256sum` prints the same.\n\n' +
    'Exits 3 when the file is no Ed25519 key, is one that must not be trusted, or the passphrase is wrong, ' +
    '16 when it does not exist.';

  static override examples = [
    {
      description: 'Compare a key with what its owner reads out:',
      command: '<%= config.bin %> <%= command.id %> release.pub',
    },
    {
      description: 'The key id alone, in a script:',
      command:
        '<%= config.bin %> <%= command.id %> release.key --passphrase-env RELEASE_PASSPHRASE --json | jq -r .keyid',
    },
  ];

  static override args = { key: Args.file({ description: 'Key file, PEM.', required: true }) };

  static override flags = passphraseFlags;

  async run(): Promise<KeyView> {
    const { args, flags } = await this.parse(KeysInspect);
    const { view } = await readKeyFile(args.key, passphraseSource(flags, this.signal));
    this.print(keyViewText(view));
    return view;
  }
}
